-- what: decisions hour by hour, and the shadow decisions that live requests say were meant
-- grain: one row per hour for live (without a name), and per hour, shadow policy and version
-- params: project String, first Date, last Date
SELECT
  role = 'live' AS is_live,
  if(role = 'live', '', policy::String) AS policy,
  if(role = 'live', '', policy_version::String) AS policy_version,
  hour,                                                -- start, UTC
  sum(meant_hourly.meant_n) AS meant_n,                -- live requests that name this shadow
  sum(meant_hourly.stated_n) AS stated_n,              -- decisions on requests that state which shadows were meant
  sum(stated_w) AS stated_weight,                      -- the same, each counted 1/sample_rate times
  sum(meant_hourly.unstated_n) AS unstated_n,          -- decisions on requests that do not state it
  sum(unstated_w) AS unstated_weight                   -- the same, weighted
FROM meant_hourly
WHERE project = {project:String} AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY is_live, policy, policy_version, hour
ORDER BY is_live DESC, policy, policy_version, hour
