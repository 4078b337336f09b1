-- what: dollars of one shadow policy by what they are made of, paid live and predicted; every part is linear in a price
-- grain: one row per segment value, pair of planned models, side, kind, priced model and contaminated; arrays run over the non-empty buckets
-- params: project String, policy String, version String, book String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  live_model,
  shadow_model,
  side,
  kind,
  model,
  contaminated,
  sum(n) AS n,                           -- lines: one per request and attempt, or per request and planned step
  sum(unpriced_n) AS unpriced_n,         -- of those, without a price on their day
  groupArray(bucket) AS buckets,
  groupArray(w) AS weight,               -- lines, each 1/sample_rate times
  groupArray(input_usd) AS input_usd,    -- input tokens that no cache held
  groupArray(cache_usd) AS cache_usd,    -- cached tokens at cache prices, as they were served
  groupArray(cold_usd) AS cold_usd,      -- the same tokens at the price of input where another model starts cold
  groupArray(output_usd) AS output_usd
FROM (
  SELECT
    lines.segment_value AS segment_value,
    lines.live_model AS live_model,
    lines.shadow_model AS shadow_model,
    lines.side::String AS side,
    lines.kind AS kind,
    lines.model AS model,
    lines.contaminated AS contaminated,
    lines.bucket AS bucket,
    sum(lines.n) AS n,
    sumIf(lines.n, prices.model = '') AS unpriced_n,
    sum(lines.w) AS w,
    sum(lines.uncached_tokens * input_price) / 1e6 AS input_usd,
    sum(lines.cache_read_tokens * cache_read_price + lines.cache_write_tokens * cache_write_price) / 1e6 AS cache_usd,
    sum(if(lines.side = 'live' OR lines.cache_kept,
      lines.cache_read_tokens * cache_read_price + lines.cache_write_tokens * cache_write_price,
      (lines.cache_read_tokens + lines.cache_write_tokens) * input_price)) / 1e6 AS cold_usd,
    sum(lines.output_tokens * output_price) / 1e6 AS output_usd
  FROM (
    SELECT
      day, segment_value, live_model, shadow_model, side, kind, model, context_band, cache_kept, contaminated, bucket,
      n, w, uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens
    FROM cost_daily
    WHERE project = {project:String} AND policy = {policy:String} AND policy_version = {version:String}
      AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
      AND day BETWEEN {first:Date} AND {last:Date}
  ) AS lines
  -- part: book_prices
  GROUP BY segment_value, live_model, shadow_model, side, kind, model, contaminated, bucket
)
GROUP BY segment_value, live_model, shadow_model, side, kind, model, contaminated
ORDER BY segment_value, live_model, shadow_model, side, kind, model, contaminated
