-- what: decisions on all traffic, live and every shadow, by pair of planned models
-- grain: one row per role, policy, version, live model, shadow model and contaminated; arrays run over the 256 buckets
-- params: project String, first Date, last Date
SELECT
  role::String AS role,
  policy,
  policy_version,
  live_model,
  shadow_model,                             -- empty where the decision failed
  contaminated,
  sum(pair_overall.n) AS n,                 -- decisions
  sumForEach(w) AS weight,                  -- weighted decisions
  sumForEach(w_failed) AS failed,           -- of those, without a plan
  sumForEach(w_div_model) AS by_model,      -- of those, naming another model than live
  sumForEach(w_div_tier) AS by_tier,        -- of those, naming a model of another tier
  sumForEach(w_div_steps) AS by_steps,      -- of those, with any other plan
  sumForEach(w_cascade) AS cascade,         -- of those, whose plan can escalate
  sumForEach(w_esc_known) AS known,         -- of those, with a known outcome
  sumForEach(w_esc) AS paid_twice,          -- of those, escalated
  sumForEach(w_sign_1) AS sign_1,           -- weighted decisions, half of the clusters counted negative
  sumForEach(w_sign_2) AS sign_2,
  sumForEach(w_sign_3) AS sign_3,
  sumForEach(w_sign_4) AS sign_4
FROM pair_overall
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY role, policy, policy_version, live_model, shadow_model, contaminated
ORDER BY role, policy, policy_version, live_model, shadow_model, contaminated
