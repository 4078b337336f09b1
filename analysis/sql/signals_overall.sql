-- what: every signal on all traffic, for every shadow policy, by value and pair of planned models; contaminated requests are left out
-- grain: one row per policy, version, signal name and source, live model, shadow model and bin; arrays run over the 256 buckets
-- params: project String, first Date, last Date
SELECT
  policy,
  policy_version,
  name,
  source,
  live_model,
  shadow_model,
  bin,                               -- values from bin/20 up to (bin + 1)/20; 20 holds the value 1
  sum(signal_overall.n) AS n,        -- requests with the signal
  sumForEach(w) AS weight,           -- the same, weighted
  sumForEach(sum_value) AS score     -- weighted sum of the value in [0,1]
FROM signal_overall
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
  AND contaminated = 0 AND live_model != '' AND shadow_model != ''
GROUP BY policy, policy_version, name, source, live_model, shadow_model, bin
ORDER BY policy, policy_version, name, source, live_model, shadow_model, bin
