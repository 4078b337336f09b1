-- what: decisions, for divergence and escalation: all traffic of the days that were summed, out of the stage of pair_daily
-- grain: day, role, policy, policy_version, live_model, shadow_model, contaminated; arrays over the 256 buckets
-- params: stage Identifier, pair_daily Identifier
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, live_model, shadow_model, contaminated,
  n, w, w_failed, w_div_model, w_div_tier, w_div_steps, w_cascade, w_esc_known, w_esc, w_sign_1, w_sign_2, w_sign_3, w_sign_4)
SELECT
  project,
  day,
  role,
  policy,
  policy_version,
  live_model,
  shadow_model,
  contaminated,
  sum(staged.n) AS n,
  groupArrayInsertAt(0., 256)(staged.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(staged.w_failed, bucket) AS w_failed,
  groupArrayInsertAt(0., 256)(staged.w_div_model, bucket) AS w_div_model,
  groupArrayInsertAt(0., 256)(staged.w_div_tier, bucket) AS w_div_tier,
  groupArrayInsertAt(0., 256)(staged.w_div_steps, bucket) AS w_div_steps,
  groupArrayInsertAt(0., 256)(staged.w_cascade, bucket) AS w_cascade,
  groupArrayInsertAt(0., 256)(staged.w_esc_known, bucket) AS w_esc_known,
  groupArrayInsertAt(0., 256)(staged.w_esc, bucket) AS w_esc,
  groupArrayInsertAt(0., 256)(staged.w_sign_1, bucket) AS w_sign_1,
  groupArrayInsertAt(0., 256)(staged.w_sign_2, bucket) AS w_sign_2,
  groupArrayInsertAt(0., 256)(staged.w_sign_3, bucket) AS w_sign_3,
  groupArrayInsertAt(0., 256)(staged.w_sign_4, bucket) AS w_sign_4
FROM {pair_daily:Identifier} AS staged
WHERE segment_key = 'all'
GROUP BY project, day, role, policy, policy_version, live_model, shadow_model, contaminated;
