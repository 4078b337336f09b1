-- what: a signal with the weight that each live answer has under a shadow policy: 1/propensity of live's plan where the shadow names the same first model and escalation, else 0
-- grain: one row per bucket, task, complexity band, live plan and shadow plan; contaminated requests and failed decisions are left out
-- params: project String, policy String, version String, name String, source String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  bucket,
  task,
  complexity_band,
  live_plan,
  shadow_plan,
  count() AS n,                                                  -- requests with the signal
  countIf(propensity = 0) AS unknown_n,                          -- of those, without a known propensity
  sum(1 / sample_rate) AS size,                                  -- the same, weighted
  sumIf(1 / sample_rate, propensity >= 1) AS certain,            -- of those, chosen by live without chance
  sum(value / sample_rate) AS score,                             -- weighted sum of values
  sum(w / sample_rate) AS importance,                            -- weighted sum of importance weights
  sum(pow(w / sample_rate, 2)) AS importance_sq,                 -- sum of their squares
  sum(w * value / sample_rate) AS importance_score,              -- weighted sum of weight times value
  max(w) AS heaviest                                             -- largest importance weight
FROM (
  SELECT
    shadow.bucket AS bucket,
    shadow.task AS task,
    shadow.complexity_band AS complexity_band,
    live.plan AS live_plan,
    shadow.plan AS shadow_plan,
    shadow.sample_rate AS sample_rate,
    live.propensity AS propensity,
    judged.value AS value,
    if(live.plan = shadow.plan AND live.propensity > 0, 1 / live.propensity, 0.) AS w
  FROM (
    SELECT
      request_id,
      bucket,
      task::String AS task,
      complexity_band::String AS complexity_band,
      concat(model, if(escalation_model = '', '', concat(' > ', escalation_model))) AS plan,
      sample_rate
    FROM named_decisions AS decisions
    WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
      AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
      AND status = 'ok' AND live_model != '' AND model != '' AND empty(contamination)
      -- part: in_segments
  ) AS shadow
  INNER JOIN (
    SELECT
      request_id,
      concat(model, if(escalation_model = '', '', concat(' > ', escalation_model))) AS plan,
      ifNull(propensity, 0.) AS propensity
    FROM named_decisions AS decisions
    WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND status = 'ok'
  ) AS live ON live.request_id = shadow.request_id
  INNER JOIN (
    -- part: judged_answers
  ) AS judged ON judged.request_id = shadow.request_id
)
GROUP BY bucket, task, complexity_band, live_plan, shadow_plan
ORDER BY bucket, task, complexity_band, live_plan, shadow_plan
