-- what: signal_asked for requests that lie in several segments, from the decisions themselves
-- grain: one row per live model, shadow model and bucket
-- params: project String, policy String, version String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  '' AS segment_value,
  live_model,
  model AS shadow_model,
  bucket,
  count() AS n,
  sum(1 / sample_rate) AS weight
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND status = 'ok' AND live_model != '' AND model != '' AND empty(contamination)
  -- part: in_segments
GROUP BY live_model, shadow_model, bucket
ORDER BY live_model, shadow_model, bucket
