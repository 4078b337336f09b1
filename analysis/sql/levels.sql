-- what: shadow decisions that cannot be compared by tier or by steps, because one side lacks it
-- grain: one row per shadow policy, version and pair of planned models that has any
-- params: project String, first Date, last Date
SELECT
  policy,
  policy_version,
  live_model,
  shadow_model,
  sum(no_tier_n) AS shadow_no_tier_n,        -- decisions
  sum(no_live_tier_n) AS live_no_tier_n,     -- decisions
  sum(count_daily.no_steps_n) AS no_steps_n  -- decisions
FROM count_daily
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND status = 'ok' AND live_model != ''
GROUP BY policy, policy_version, live_model, shadow_model
HAVING shadow_no_tier_n + live_no_tier_n + no_steps_n > 0
ORDER BY policy, policy_version, live_model, shadow_model
