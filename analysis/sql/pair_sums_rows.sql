-- what: pair_sums for requests that lie in several segments, from the decisions themselves
-- grain: one row per bucket
-- params: project String, role String, policy String, version String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  '' AS segment_value,
  bucket,
  countIf(status = 'ok') AS n,
  sum(1 / sample_rate) AS weight,
  sumIf(1 / sample_rate, status != 'ok') AS failed,
  sumIf(1 / sample_rate, status = 'ok') AS planned,
  sumIf(1 / sample_rate, status = 'ok' AND live_model != '') AS compared,
  sumIf(1 / sample_rate, status = 'ok' AND live_model != '' AND model != live_model) AS by_model,
  sumIf(1 / sample_rate, status = 'ok' AND live_model != '' AND tier != live_tier) AS by_tier,
  sumIf(1 / sample_rate, status = 'ok' AND live_model != '' AND steps_id != live_steps_id) AS by_steps,
  sumIf(1 / sample_rate, status = 'ok' AND empty(contamination)) AS clean,
  sumIf(1 / sample_rate, escalation_model != '') AS cascade,
  sumIf(1 / sample_rate, escalation_model != '' AND escalated IS NOT NULL) AS known,
  sumIf(1 / sample_rate, escalation_model != '' AND escalated = 1) AS paid_twice,
  sumIf(1 / sample_rate, escalation_model != '' AND (escalated = 1 OR escalated IS NULL)) AS possible
FROM (
  SELECT
    bucket, status, model, tier, steps_id, live_model, live_tier, live_steps_id, escalation_model, escalated, contamination,
    sample_rate
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    AND arrayAll(
      (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
        AND (found = v OR (v = 'other' AND found != ''
          AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
      {segment_keys:Array(String)}, {segment_values:Array(String)},
      arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
        k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)}))
)
GROUP BY bucket
ORDER BY bucket
