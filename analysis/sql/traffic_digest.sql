-- what: the inputs of a window's figures, as whole numbers that a rebuild of the rollups does not change
-- grain: one row per day, role, policy, version and pair of planned models
-- params: project String, first Date, last Date
SELECT
  day,
  role,
  policy,
  policy_version,
  live_model,
  shadow_model,
  sum(n) AS n,                                              -- rows
  toInt64(round(sum(w) * 1000)) AS milli_w,                 -- weighted requests, times 1000
  toInt64(round(sum(w_failed) * 1000)) AS milli_failed,     -- of those, without a plan
  toInt64(round(sum(w_div_steps) * 1000)) AS milli_differs, -- of those, with another plan than live
  toInt64(round(sumIf(w, contaminated = 1) * 1000)) AS milli_contaminated -- of those, not served as live chose
FROM pair_daily
WHERE project = {project:String} AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY day, role, policy, policy_version, live_model, shadow_model
ORDER BY day, role, policy, policy_version, live_model, shadow_model
