-- what: one signal by hash bucket, bin and pair of planned models; contaminated requests are left out
-- grain: one row per segment value, live model, shadow model, bucket and bin
-- params: project String, policy String, version String, name String, source String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  live_model,
  shadow_model,
  bucket,
  bin,                               -- values from bin/20 up to (bin + 1)/20; 20 holds the value 1
  sum(signal_daily.n) AS n,          -- requests with the signal
  sum(w) AS weight,                  -- the same, weighted
  sum(sum_value) AS score            -- weighted sum of the value in [0,1]
FROM signal_daily
WHERE project = {project:String} AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
  AND signal_daily.name = {name:String} AND source = {source:String}
  AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0 AND live_model != '' AND shadow_model != ''
GROUP BY segment_value, live_model, shadow_model, bucket, bin
ORDER BY segment_value, live_model, shadow_model, bucket, bin
