-- what: requests on which a shadow policy decided, and of these the ones whose answer must be run, by hash bucket
-- grain: one row per segment value and bucket; contaminated requests are left out
-- params: project String, policy String, version String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  bucket,
  sumIf(n, shadow_model != '') AS n,                   -- decisions with a plan
  sum(w - w_failed) AS requests,                       -- the same, weighted
  sum(multiIf(shadow_model != live_model, w - w_failed,
    live_model IN (
      SELECT live_model FROM pair_daily
      WHERE project = {project:String} AND role = 'live' AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date} AND w_cascade > 0
    ), w_div_steps, w_cascade)) AS needed,             -- of these, with another first model or an escalation that live has not
  sum(w_cascade) AS cascade,                           -- of these, whose plan can escalate
  sum(w_esc_known) AS known,                           -- of those, with an outcome that the live answer showed
  sum(w_esc) AS paid_twice                             -- of those, escalated
FROM pair_daily
WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
  AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0 AND live_model != ''
GROUP BY segment_value, bucket
ORDER BY segment_value, bucket
