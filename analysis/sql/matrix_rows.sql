-- what: matrix for requests that lie in several segments, from the decisions themselves
-- grain: one row per live model and shadow model
-- params: project String, policy String, version String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  '' AS segment_value,
  live_model,
  model AS shadow_model,
  count() AS n,
  sum(1 / sample_rate) AS weight,
  sumIf(1 / sample_rate, empty(contamination)) AS clean_weight
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND status = 'ok' AND live_model != '' AND model != ''
  -- part: in_segments
GROUP BY live_model, shadow_model
ORDER BY n DESC, live_model, shadow_model
