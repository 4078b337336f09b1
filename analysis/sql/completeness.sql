-- what: shadow decisions against live requests of the same hours, from a policy's first hour to its last
-- grain: one row per shadow policy, version and hour with live requests
-- params: project String, first Date, last Date
SELECT
  seen.policy AS policy,
  seen.policy_version AS policy_version,
  live.hour AS hour,                 -- start, UTC
  live.live_n AS live_n,             -- live requests
  shadow.shadow_n AS shadow_n,       -- shadow decisions
  shadow.shadow_weight AS shadow_weight -- the same, each counted 1/sample_rate times
FROM (
  SELECT
    policy,
    policy_version,
    min(hour) AS first_hour,
    max(hour) AS last_hour
  FROM count_hourly
  WHERE project = {project:String} AND role = 'shadow' AND day BETWEEN {first:Date} AND {last:Date}
  GROUP BY policy, policy_version
) AS seen
CROSS JOIN (
  SELECT
    hour,
    sum(n) AS live_n
  FROM count_hourly
  WHERE project = {project:String} AND role = 'live' AND day BETWEEN {first:Date} AND {last:Date}
  GROUP BY hour
) AS live
LEFT JOIN (
  SELECT
    policy,
    policy_version,
    hour,
    sum(n) AS shadow_n,
    sum(w) AS shadow_weight
  FROM count_hourly
  WHERE project = {project:String} AND role = 'shadow' AND day BETWEEN {first:Date} AND {last:Date}
  GROUP BY policy, policy_version, hour
) AS shadow
  ON shadow.policy = seen.policy AND shadow.policy_version = seen.policy_version AND shadow.hour = live.hour
WHERE live.hour BETWEEN seen.first_hour AND seen.last_hour
ORDER BY policy, policy_version, hour
