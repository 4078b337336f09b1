-- what: priorities of a sample of the requests whose answer must be run; the sample is every request, or those of the smallest hashes
-- grain: one row per request
-- params: project String, policy String, version String, first Date, last Date, models Array(String), input_prices Array(Float64), output_prices Array(Float64), segment_keys Array(String), segment_values Array(String), cells Array(String), factors Array(Float64), usual_usd Float64, seed String, page UInt32
SELECT
  transform(concat(task, '\t', live_model, '\t', shadow_model, '\t', second_model), {cells:Array(String)}, {factors:Array(Float64)}, 0.)
    * if(is_priced, moved_usd, {usual_usd:Float64}) * uncertainty AS score, -- a factor of the cell, USD, 1 - confidence
  is_priced,
  run_usd                            -- what its answer would cost at the served tokens, USD
FROM (
  SELECT
    reinterpretAsUInt64(substring(MD5(concat('evaluation-scale:', {seed:String}, ':', request_id)), 1, 8)) AS place,
    -- part: evaluation_money
  -- part: evaluation_frame
)
ORDER BY place
LIMIT {page:UInt32}
