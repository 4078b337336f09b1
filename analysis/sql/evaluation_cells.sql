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
    request_id IN (SELECT request_id FROM named_executions AS executions WHERE project = {project:String} AND executions.status = 'ok' AND policy = {policy:String} AND policy_version IN ('', {version:String}))
      OR (escalation_model = '' AND (request_id, model::String) IN (SELECT request_id, model::String FROM named_executions AS executions WHERE project = {project:String} AND executions.status = 'ok' AND policy = '')) AS is_run,
    -- part: evaluation_money
  -- part: evaluation_frame
)
GROUP BY task, live_model, shadow_model, second_model
ORDER BY n DESC, task, live_model, shadow_model, second_model
