-- what: columns of a request whose answer may be run: its cell, and the money that moves, USD at the served tokens
task::String AS task, live_model::String AS live_model, model::String AS shadow_model, escalation_model::String AS second_model,
1 - ifNull(confidence, 0) AS uncertainty,
toFloat64(ifNull(input_tokens, 0)) AS sent,
toFloat64(ifNull(output_tokens, 0)) AS written,
input_tokens IS NOT NULL AND output_tokens IS NOT NULL AND has({models:Array(String)}, served_key)
  AND has({models:Array(String)}, model_key) AND (second_model = '' OR has({models:Array(String)}, escalation_key)) AS is_priced,
(sent * transform(model_key::String, {models:Array(String)}, {input_prices:Array(Float64)}, 0.)
  + written * transform(model_key::String, {models:Array(String)}, {output_prices:Array(Float64)}, 0.)) / 1e6 + if(second_model = '' OR escalated = 0, 0.,
  (sent * transform(escalation_key::String, {models:Array(String)}, {input_prices:Array(Float64)}, 0.)
  + written * transform(escalation_key::String, {models:Array(String)}, {output_prices:Array(Float64)}, 0.)) / 1e6) AS run_usd,
abs(run_usd - (sent * transform(served_key::String, {models:Array(String)}, {input_prices:Array(Float64)}, 0.)
  + written * transform(served_key::String, {models:Array(String)}, {output_prices:Array(Float64)}, 0.)) / 1e6) AS moved_usd
