-- what: cost_cube for all traffic and every shadow policy
-- grain: one row per policy, version, pair of planned models, side, kind, priced model and contaminated; arrays run over the 256 buckets
-- params: project String, book String, first Date, last Date
SELECT
  policy,
  policy_version,
  live_model,
  shadow_model,
  side::String AS side,
  kind,
  lines.model AS model,
  contaminated,
  sum(lines.n) AS n,                                  -- lines: one per request and attempt, or per request and planned step
  sumIf(lines.n, prices.model = '') AS unpriced_n,    -- of those, without a price on their day
  range(256) AS buckets,
  sumForEach(w) AS weight,                            -- lines, each 1/sample_rate times
  sumForEach(arrayMap(t -> t * input_price / 1e6, uncached_tokens)) AS input_usd,  -- input tokens that no cache held
  sumForEach(arrayMap((r, t) -> (r * cache_read_price + t * cache_write_price) / 1e6,
    cache_read_tokens, cache_write_tokens)) AS cache_usd,  -- cached tokens at cache prices, as they were served
  sumForEach(arrayMap((r, t) -> if(lines.side = 'live' OR cache_kept,
      r * cache_read_price + t * cache_write_price, (r + t) * input_price) / 1e6,
    cache_read_tokens, cache_write_tokens)) AS cold_usd,   -- the same tokens at the price of input where another model starts cold
  sumForEach(arrayMap(t -> t * output_price / 1e6, output_tokens)) AS output_usd
FROM (
  SELECT
    day, policy, policy_version, live_model, shadow_model, side, kind, model, context_band, cache_kept, contaminated,
    n, w, uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens
  FROM cost_overall
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
) AS lines
-- part: book_prices
GROUP BY policy, policy_version, live_model, shadow_model, side, kind, model, contaminated
ORDER BY policy, policy_version, live_model, shadow_model, side, kind, model, contaminated
