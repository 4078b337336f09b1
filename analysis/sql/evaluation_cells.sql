-- what: requests whose answer must be run to judge a shadow, by task and planned models, with the money that moves
-- grain: one row per task, live model, shadow model and escalation model
-- params: project String, policy String, version String, first Date, last Date, models Array(String), input_prices Array(Float64), output_prices Array(Float64), segment_keys Array(String), segment_values Array(String)
SELECT
  task,
  live_model,
  shadow_model,
  second_model,                      -- the shadow's escalation; empty if its plan is one call
  count() AS n,
  countIf(is_priced) AS priced_n,    -- with known tokens and prices of every model in it
  sumIf(moved_usd, is_priced) AS moved_usd, -- what the bills differ by, never negative, USD at the served tokens
  countIf(is_run) AS run_n           -- already answered for this policy, or by its model alone
FROM (
  SELECT
    request_id IN (SELECT request_id FROM executions FINAL WHERE project = {project:String} AND executions.status = 'ok' AND policy = {policy:String} AND policy_version IN ('', {version:String}))
      OR (escalation_model = '' AND (request_id, model::String) IN (SELECT request_id, model::String FROM executions FINAL WHERE project = {project:String} AND executions.status = 'ok' AND policy = '')) AS is_run,
    task::String AS task, live_model::String AS live_model, model::String AS shadow_model, escalation_model::String AS second_model,
    1 - ifNull(confidence, 0) AS uncertainty,
    toFloat64(ifNull(input_tokens, 0)) AS sent,
    toFloat64(ifNull(output_tokens, 0)) AS written,
    input_tokens IS NOT NULL AND output_tokens IS NOT NULL AND has({models:Array(String)}, served_model)
      AND has({models:Array(String)}, shadow_model) AND (second_model = '' OR has({models:Array(String)}, second_model)) AS is_priced,
    (sent * transform(shadow_model, {models:Array(String)}, {input_prices:Array(Float64)}, 0.)
      + written * transform(shadow_model, {models:Array(String)}, {output_prices:Array(Float64)}, 0.)) / 1e6 + if(second_model = '' OR escalated = 0, 0.,
      (sent * transform(second_model, {models:Array(String)}, {input_prices:Array(Float64)}, 0.)
      + written * transform(second_model, {models:Array(String)}, {output_prices:Array(Float64)}, 0.)) / 1e6) AS run_usd,
    abs(run_usd - (sent * transform(served_model::String, {models:Array(String)}, {input_prices:Array(Float64)}, 0.)
      + written * transform(served_model::String, {models:Array(String)}, {output_prices:Array(Float64)}, 0.)) / 1e6) AS moved_usd
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND live_model != '' AND empty(contamination)
    AND multiIf(model != live_model, 1,
      live_model IN (
        SELECT live_model FROM pair_daily
        WHERE project = {project:String} AND role = 'live' AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date} AND w_cascade > 0
      ), steps_id != live_steps_id, escalation_model != '')
    AND (empty({segment_keys:Array(String)}) OR arrayAll(
      (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
        AND (found = v OR (v = 'other' AND found != ''
          AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
      {segment_keys:Array(String)}, {segment_values:Array(String)},
      arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
        k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)})))
)
GROUP BY task, live_model, shadow_model, second_model
ORDER BY n DESC, task, live_model, shadow_model, second_model
