-- what: requests that could have had a signal, by pair of planned models; contaminated and failed ones are left out
-- grain: one row per segment value, live model, shadow model and bucket
-- params: project String, policy String, version String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  live_model,
  shadow_model,
  bucket,
  sum(pair_daily.n) AS n,            -- requests
  sum(w) AS weight                   -- the same, weighted
FROM pair_daily
WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
  AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0 AND live_model != '' AND shadow_model != ''
GROUP BY segment_value, live_model, shadow_model, bucket
ORDER BY segment_value, live_model, shadow_model, bucket
