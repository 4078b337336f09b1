-- what: segments of a shadow policy's decisions, with their sizes
-- grain: one row per segment key and value
-- params: project String, policy String, version String, first Date, last Date
SELECT
  segment_key,
  segment_value,
  sum(n) AS n,                       -- decisions
  sum(w) AS weight                   -- decisions, each counted 1/sample_rate times
FROM pair_daily
WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key != 'all' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY segment_key, segment_value
ORDER BY segment_key, n DESC, segment_value
