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
    -- part: evaluation_money
  -- part: evaluation_frame
)
WHERE place < chance
ORDER BY chance DESC, request_id
