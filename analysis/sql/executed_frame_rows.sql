-- what: executed_frame for requests that lie in several segments, from the decisions themselves
-- grain: one row per bucket
-- params: project String, policy String, version String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  '' AS segment_value,
  bucket,
  count() AS n,
  sum(1 / sample_rate) AS requests,
  sumIf(1 / sample_rate, multiIf(model != live_model, 1,
    live_model IN (
      SELECT live_model FROM pair_daily
      WHERE project = {project:String} AND role = 'live' AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date} AND w_cascade > 0
    ), steps_id != live_steps_id, escalation_model != '')) AS needed,
  sumIf(1 / sample_rate, escalation_model != '') AS cascade,
  sumIf(1 / sample_rate, escalation_model != '' AND escalated IS NOT NULL) AS known,
  sumIf(1 / sample_rate, escalation_model != '' AND escalated = 1) AS paid_twice
FROM (
  SELECT
    bucket, model, live_model, escalation_model, escalated, steps_id, live_steps_id, sample_rate
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND live_model != '' AND empty(contamination)
    -- part: in_segments
)
GROUP BY bucket
ORDER BY bucket
