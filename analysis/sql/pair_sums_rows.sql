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
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    -- part: in_segments
)
GROUP BY bucket
ORDER BY bucket
