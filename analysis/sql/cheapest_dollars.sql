-- what: lower bound of the cost of a shadow policy's clean requests, at the served tokens and over all models of the window
-- grain: one row per bucket
-- params: project String, policy String, version String, book String, first Date, last Date
-- Each kind of token takes its lowest price among the models that live or any shadow names: a bound that no plan can beat.
SELECT
  lines.bucket AS bucket,
  sum(lines.uncached * floors.input_price + lines.cache_read * floors.read_price + lines.cache_write * floors.write_price
    + lines.output * floors.output_price) / 1e6 AS usd,
  max(floors.day = toDate(0)) AS is_unpriced     -- 1 = a day on which no model has a price
FROM (
  SELECT
    day,
    context_band,
    bucket,
    sum(uncached_tokens) AS uncached,
    sum(cache_read_tokens) AS cache_read,
    sum(cache_write_tokens) AS cache_write,
    sum(output_tokens) AS output
  FROM cost_daily
  WHERE project = {project:String} AND policy = {policy:String} AND policy_version = {version:String} AND segment_key = 'all'
    AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0 AND side = 'shadow' AND kind = 'primary'
  GROUP BY day, context_band, bucket
) AS lines
LEFT JOIN (
  SELECT
    asked.day AS day,
    asked.context_band AS context_band,
    min(input_usd_per_mtok) AS input_price,
    min(least(cache_read_usd_per_mtok, input_usd_per_mtok)) AS read_price,
    min(least(cache_write_usd_per_mtok, input_usd_per_mtok)) AS write_price,
    min(output_usd_per_mtok) AS output_price
  FROM (
    SELECT
      days.day AS day,
      days.context_band AS context_band,
      models.model AS model
    FROM (
      SELECT DISTINCT
        day,
        context_band
      FROM cost_daily
      WHERE project = {project:String} AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date} AND contaminated = 0
    ) AS days
    CROSS JOIN (
      SELECT DISTINCT model
      FROM cost_daily
      WHERE project = {project:String} AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date}
    ) AS models
  ) AS asked
  ASOF INNER JOIN (
    SELECT
      model, context_band, effective_from, input_usd_per_mtok, cache_read_usd_per_mtok, cache_write_usd_per_mtok, output_usd_per_mtok
    FROM price_books FINAL
    WHERE book = {book:String}
  ) AS prices ON asked.model = prices.model AND asked.context_band = prices.context_band AND asked.day >= prices.effective_from
  GROUP BY day, context_band
) AS floors ON lines.day = floors.day AND lines.context_band = floors.context_band
GROUP BY bucket
ORDER BY bucket
