-- what: live requests and a shadow policy's decisions, by day and segment
-- grain: one row per day and value of one segment key
-- params: project String, policy String, version String, segment_key String, first Date, last Date
SELECT
  day,                                                                   -- UTC
  segment_value,
  sumIf(n, role = 'live') AS live_n,                                     -- live requests
  sumIf(n, role = 'shadow') AS shadow_n,                                 -- shadow decisions
  sumIf(w, role = 'shadow') AS shadow_weight                             -- the same, each counted 1/sample_rate times
FROM pair_daily
WHERE project = {project:String} AND segment_key = {segment_key:String} AND day BETWEEN {first:Date} AND {last:Date}
  AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
GROUP BY day, segment_value
ORDER BY day, segment_value
