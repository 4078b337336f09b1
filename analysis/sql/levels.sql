-- what: shadow decisions that cannot be compared by tier or by steps, because one side does not say it
-- grain: one row per pair of planned models that has any
-- params: project String, policy String, version String, first Date, last Date
SELECT
  live_model,
  model AS shadow_model,
  countIf(tier = '') AS shadow_no_tier_n,                              -- rows, copies included
  countIf(live_tier = '') AS live_no_tier_n,                           -- rows, copies included
  countIf(steps_id = '' OR live_steps_id = '') AS no_steps_n           -- rows, copies included
FROM decisions
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND status = 'ok' AND live_model != '' AND (tier = '' OR live_tier = '' OR steps_id = '' OR live_steps_id = '')
GROUP BY live_model, shadow_model
ORDER BY live_model, shadow_model
