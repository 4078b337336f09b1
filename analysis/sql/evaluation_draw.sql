-- what: the requests that a seeded draw takes, each with its chance; a request is taken if its hash lies below it
-- grain: one row per request
-- params: project String, policy String, version String, first Date, last Date, models Array(String), input_prices Array(Float64), output_prices Array(Float64), segment_keys Array(String), segment_values Array(String), cells Array(String), factors Array(Float64), usual_usd Float64, seed String, scale Float64, floor Float64
SELECT
  request_id,
  ts,                                -- live decision time, UTC
  task,
  live_model,
  shadow_model,
  second_model,
  served_model,
  steps,                             -- the shadow's plan, JSON
  input_tokens,                      -- tokens of the answer that live served; NULL = unknown
  output_tokens,
  if(is_priced, toNullable(run_usd), NULL) AS run_usd, -- USD at the served tokens
  confidence,                        -- of the shadow in its decision; NULL = unknown
  transform(concat(task, '\t', live_model, '\t', shadow_model, '\t', second_model), {cells:Array(String)}, {factors:Array(Float64)}, 0.)
    * if(is_priced, moved_usd, {usual_usd:Float64}) * uncertainty AS score,
  greatest({floor:Float64}, least(1., {scale:Float64} * score)) AS chance,
  is_priced
FROM (
  SELECT
    request_id,
    ts,
    confidence,
    served_model,
    steps,
    input_tokens,
    output_tokens,
    reinterpretAsUInt64(substring(MD5(concat('evaluation-draw:', {seed:String}, ':', request_id)), 1, 8)) / 18446744073709551616. AS place,
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
WHERE place < chance
ORDER BY chance DESC, request_id
