-- what: how dollars are spread over the requests of a shadow policy: what live paid, and what the shadow would change
-- grain: one row per quantity (cost, change, unpriced) and size of a request: floor(64 log2 |USD|), -32768 for 0
-- params: project String, policy String, version String, book String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
-- One pass over the sample: prices are looked up in arrays, because a join would have to carry every attempt of every request.
WITH (
  SELECT (groupArray(key), groupArray(input_price), groupArray(read_price), groupArray(write_price), groupArray(output_price))
  FROM (
    SELECT
      cityHash64(days.day, prices.model, prices.context_band) AS key,
      argMax(input_usd_per_mtok, effective_from) AS input_price,
      argMax(cache_read_usd_per_mtok, effective_from) AS read_price,
      argMax(cache_write_usd_per_mtok, effective_from) AS write_price,
      argMax(output_usd_per_mtok, effective_from) AS output_price
    FROM (SELECT toDate({first:Date} + number) AS day FROM numbers(toUInt64({last:Date} - {first:Date} + 1))) AS days
    CROSS JOIN (
      SELECT
        model::String AS model, context_band, effective_from, input_usd_per_mtok, cache_read_usd_per_mtok, cache_write_usd_per_mtok,
        output_usd_per_mtok
      FROM price_books FINAL
      WHERE book = {book:String}
    ) AS prices
    WHERE prices.effective_from <= days.day
    GROUP BY key
  )
) AS book,
  (day, model, input) -> transform(
    cityHash64(day, model, toUInt8((input > 128000) + (input > 200000) + (input > 272000))), book.1, arrayEnumerate(book.1), toUInt32(0)) AS place,
  -- another model starts with a cold cache: nothing of its input is cached
  (p, input, cache_read, cache_write, output) -> ((toFloat64(input) - cache_read - cache_write) * (book.2)[p] + cache_read * (book.3)[p]
    + cache_write * (book.4)[p] + output * (book.5)[p]) / 1e6 AS usd
SELECT
  part.1 AS quantity,
  if(part.2 = 0, -32768, floor(64 * log2(abs(part.2))))::Int32 AS bin,
  count() AS n,                                      -- requests
  sum(one_in) AS stands_for,                         -- requests that they stand for
  sum(w) AS weight,                                  -- requests that they stand for, weighted
  sum(w * abs(part.2)) AS total,                     -- USD
  max(abs(part.2)) AS largest,                       -- USD
  sum(w * part.2) AS first_moment,                   -- USD
  sum(w * pow(part.2, 2)) AS second_moment,
  sum(w * pow(part.2, 3)) AS third_moment
FROM (
  SELECT
    w,
    one_in,
    arrayMap(a -> place(day, a.model::String, a.input_tokens), attempts) AS paid_places,
    place(day, model_key, input) AS planned_place,
    if(paid_twice, place(day, escalation_key, input), 1) AS second_place,
    arraySum(arrayMap((a, p) -> usd(p, a.input_tokens, a.cache_read_tokens, a.cache_write_tokens, a.output_tokens), attempts, paid_places)) AS live_usd,
    usd(planned_place, input, if(model = served_model, cache_read, 0), if(model = served_model, cache_write, 0), output) AS first_usd,
    usd(second_place, input, if(escalation_model = served_model, cache_read, 0), if(escalation_model = served_model, cache_write, 0), output) AS second_usd,
    first_usd + if(paid_twice, second_usd, 0) AS shadow_usd,
    has(paid_places, 0) OR planned_place = 0 OR second_place = 0 AS is_unpriced
  FROM (
    SELECT
      day,
      model::String AS model,
      model_key::String AS model_key,
      escalation_key::String AS escalation_key,
      served_model::String AS served_model,
      escalation_model::String AS escalation_model,
      escalation_model != '' AND ifNull(escalated, 0) = 1 AS paid_twice,
      attempts,
      w,
      one_in,
      toFloat64(assumeNotNull(input_tokens)) AS input,
      toFloat64(cache_read_tokens) AS cache_read,
      toFloat64(cache_write_tokens) AS cache_write,
      toFloat64(assumeNotNull(output_tokens)) AS output
    FROM request_sample
    WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
      AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
      AND status = 'ok' AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL AND contaminated = 0
      -- part: in_segments
  )
)
ARRAY JOIN if(is_unpriced, [('unpriced', 0.0)], [('cost', live_usd), ('change', if(abs(shadow_usd - live_usd) <= 1e-11 * (shadow_usd + live_usd), 0, shadow_usd - live_usd))]) AS part
GROUP BY quantity, bin
ORDER BY quantity, bin
