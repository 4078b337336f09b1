-- what: decisions of days of a project by how they ended, and those that cannot be compared by tier or by steps
-- grain: day, role, policy, version, status, error type, pair of planned models
-- params: stage Identifier, project String, days Array(Date)
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, status, error_type, live_model, shadow_model,
  n, w, no_tier_n, no_live_tier_n, no_steps_n)
SELECT
  project,
  toDate(ts) AS day,
  role,
  policy,
  policy_version,
  status,
  error_type,
  live_model,
  model AS shadow_model,
  count() AS n,
  sum(1 / sample_rate) AS w,
  countIf(tier = '') AS no_tier_n,
  countIf(live_tier = '') AS no_live_tier_n,
  countIf(steps_id = '' OR live_steps_id = '') AS no_steps_n
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)}
GROUP BY project, day, role, policy, policy_version, status, error_type, live_model, shadow_model;
