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
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND status = 'ok' AND live_model != '' AND model != '' AND empty(contamination)
  AND arrayAll(
    (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
      AND (found = v OR (v = 'other' AND found != ''
        AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
    {segment_keys:Array(String)}, {segment_values:Array(String)},
    arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
      k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)}))
GROUP BY live_model, shadow_model, bucket
ORDER BY live_model, shadow_model, bucket
