-- what: the distribution of one signal by pair of planned models; contaminated requests are left out
-- grain: one row per segment value, live model, shadow model and bin
-- params: project String, policy String, version String, name String, source String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  live_model,
  shadow_model,
  bin,                               -- values from bin/20 up to (bin + 1)/20; 20 holds the value 1
  sum(w) AS weight                   -- weighted requests
FROM signal_daily
WHERE project = {project:String} AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
  AND name = {name:String} AND source = {source:String}
  AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0 AND live_model != '' AND shadow_model != ''
GROUP BY segment_value, live_model, shadow_model, bin
ORDER BY segment_value, live_model, shadow_model, bin
