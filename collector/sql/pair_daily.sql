-- what: sums of decisions of days of a project, for divergence and escalation
-- grain: day, role, policy, version, marginal segment, pair of planned models, contaminated, bucket
-- params: stage Identifier, project String, days Array(Date), labels Array(String)
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket,
  n, w, w_failed, w_div_model, w_div_tier, w_div_steps, w_cascade, w_esc_known, w_esc, w_sign_1, w_sign_2, w_sign_3, w_sign_4)
WITH sipHash64(cluster_key) AS cluster_hash
SELECT
  project,
  toDate(ts) AS day,
  role,
  policy,
  policy_version,
  segment.1 AS segment_key,
  if(segment.2 = '' OR segment IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}), segment.2, 'other') AS segment_value,
  live_model,
  model AS shadow_model,
  notEmpty(contamination) AS contaminated,
  bucket,
  count() AS n,
  sum(1 / sample_rate) AS w,
  sumIf(1 / sample_rate, status != 'ok') AS w_failed,
  sumIf(1 / sample_rate, status = 'ok' AND model != live_model) AS w_div_model,
  sumIf(1 / sample_rate, status = 'ok' AND tier != live_tier) AS w_div_tier,
  sumIf(1 / sample_rate, status = 'ok' AND steps_id != live_steps_id) AS w_div_steps,
  sumIf(1 / sample_rate, escalation_model != '') AS w_cascade,
  sumIf(1 / sample_rate, escalation_model != '' AND escalated IS NOT NULL) AS w_esc_known,
  sumIf(1 / sample_rate, escalation_model != '' AND escalated = 1) AS w_esc,
  sumIf(1 / sample_rate, bitTest(cluster_hash, 0)) * 2 - w AS w_sign_1,
  sumIf(1 / sample_rate, bitTest(cluster_hash, 1)) * 2 - w AS w_sign_2,
  sumIf(1 / sample_rate, bitTest(cluster_hash, 2)) * 2 - w AS w_sign_3,
  sumIf(1 / sample_rate, bitTest(cluster_hash, 3)) * 2 - w AS w_sign_4
FROM named_decisions AS decisions
ARRAY JOIN arrayConcat(
  [('all', ''), ('task', task::String), ('user_tier', user_tier::String), ('complexity_band', complexity_band::String), ('input_band', input_band::String)],
  arrayMap(l -> (concat('label:', l), labels[l]), arrayFilter(l -> mapContains(labels, l), {labels:Array(String)}))) AS segment
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)}
GROUP BY project, day, role, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket;
