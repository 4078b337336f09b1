-- what: the signals behind a window's quality figures, as whole numbers that a rebuild of the rollups does not change
-- grain: one row per day, policy, version, name, source, pair of planned models and bin
-- params: project String, first Date, last Date
SELECT
  day,
  policy,
  policy_version,
  name,
  source,
  live_model,
  shadow_model,
  contaminated,
  bin,
  sum(n) AS n,                                        -- requests with the signal
  toInt64(round(sum(sum_value) * 1000000)) AS micro_value -- weighted sum of the values, times a million
FROM signal_daily
WHERE project = {project:String} AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin
ORDER BY day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin
