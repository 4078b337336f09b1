-- what: decisions of one role by hash bucket: divergence from the live plan, and escalation
-- grain: one row per segment value and bucket
-- params: project String, role String, policy String, version String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  bucket,
  sumIf(n, shadow_model != '') AS n,                  -- decisions with a plan
  sum(w) AS weight,                                   -- weighted decisions
  sum(w_failed) AS failed,                            -- of those, without a plan
  sum(w - w_failed) AS planned,                       -- of those, with one
  sumIf(w - w_failed, live_model != '') AS compared,  -- of those, with the live plan known
  sumIf(w_div_model, live_model != '') AS by_model,   -- of those, naming another model
  sumIf(w_div_tier, live_model != '') AS by_tier,     -- of those, naming a model of another tier
  sumIf(w_div_steps, live_model != '') AS by_steps,   -- of those, with any other plan
  sumIf(w - w_failed, contaminated = 0) AS clean,     -- of those with a plan, served as live chose
  sum(w_cascade) AS cascade,                          -- weighted decisions whose plan can escalate
  sum(w_esc_known) AS known,                          -- of those, with a known outcome
  sum(w_esc) AS paid_twice,                           -- of those, escalated
  sum(w_esc + w_cascade - w_esc_known) AS possible    -- the same, and all whose outcome is unknown
FROM pair_daily
WHERE project = {project:String} AND role = {role:String}
  AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
  AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
  AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY segment_value, bucket
ORDER BY segment_value, bucket
