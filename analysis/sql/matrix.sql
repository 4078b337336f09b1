-- what: a shadow policy's decisions by pair of planned models, failed ones left out
-- grain: one row per segment value, live model and shadow model
-- params: project String, policy String, version String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  live_model,
  shadow_model,
  sum(n) AS n,                                        -- decisions
  sum(w) AS weight,                                   -- weighted decisions
  sumIf(w, contaminated = 0) AS clean_weight          -- of those, served as live chose
FROM pair_daily
WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
  AND day BETWEEN {first:Date} AND {last:Date} AND live_model != '' AND shadow_model != ''
GROUP BY segment_value, live_model, shadow_model
ORDER BY segment_value, n DESC, live_model, shadow_model
