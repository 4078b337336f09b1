-- what: dollars by hash bucket, paid live and predicted for a shadow policy; contaminated requests are left out
-- grain: one row per segment value and bucket
-- params: project String, policy String, version String, book String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  bucket,
  sumIf(n, side = 'shadow' AND kind = 'primary') AS n,                                 -- requests with known tokens
  sumIf(w, side = 'shadow' AND kind = 'primary') AS requests,                          -- the same, weighted
  sumIf(kept_usd, side = 'live') AS live_usd,                                          -- every attempt that was paid
  sumIf(usd, side = 'shadow' AND kind != 'escalation_unknown') AS shadow_usd,          -- another model starts with a cold cache
  sumIf(kept_usd, side = 'shadow' AND kind != 'escalation_unknown') AS shadow_warm_usd, -- as if its cache were as warm
  sumIf(usd, kind = 'escalation_unknown') AS unknown_usd,                              -- escalations that may happen, cold
  sumIf(kept_usd, kind = 'escalation_unknown') AS unknown_warm_usd,                    -- the same, warm
  groupUniqArrayIf(model, side = 'live' AND NOT priced) AS live_unpriced,              -- models without a price
  groupUniqArrayIf(model, side = 'shadow' AND NOT priced) AS shadow_unpriced           -- models without a price
FROM (
  SELECT
    lines.segment_value AS segment_value,
    lines.bucket AS bucket,
    lines.side AS side,
    lines.kind AS kind,
    lines.model AS model,
    lines.n AS n,
    lines.w AS w,
    prices.model != '' AS priced,
    (uncached * input_price + cache_read * cache_read_price + cache_write * cache_write_price + output * output_price) / 1e6 AS kept_usd,
    if(side = 'live' OR cache_kept, kept_usd, ((uncached + cache_read + cache_write) * input_price + output * output_price) / 1e6) AS usd
  FROM (
    SELECT
      day,
      segment_value,
      bucket,
      side,
      kind,
      model,
      context_band,
      cache_kept,
      sum(cost_daily.n) AS n,
      sum(cost_daily.w) AS w,
      sum(uncached_tokens) AS uncached,
      sum(cache_read_tokens) AS cache_read,
      sum(cache_write_tokens) AS cache_write,
      sum(output_tokens) AS output
    FROM cost_daily
    WHERE project = {project:String} AND policy = {policy:String} AND policy_version = {version:String}
      AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
      AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0
    GROUP BY day, segment_value, bucket, side, kind, model, context_band, cache_kept
  ) AS lines
  ASOF LEFT JOIN (
    SELECT
      model,
      context_band,
      effective_from,
      input_usd_per_mtok AS input_price,
      cache_read_usd_per_mtok AS cache_read_price,
      cache_write_usd_per_mtok AS cache_write_price,
      output_usd_per_mtok AS output_price
    FROM price_books FINAL
    WHERE book = {book:String}
  ) AS prices ON lines.model = prices.model AND lines.context_band = prices.context_band AND lines.day >= prices.effective_from
)
GROUP BY segment_value, bucket
ORDER BY segment_value, bucket
