-- what: what every attempt of a task's live requests cost, at the prices of a book
-- grain: one row per task
-- params: project String, first Date, last Date, book String
SELECT
  task,
  sum((input - cache_read - cache_write) * input_price + cache_read * cache_read_price + cache_write * cache_write_price + output * output_price) / 1e6 AS usd,
  arraySort(groupUniqArrayIf(lines.model, prices.model = '')) AS unpriced, -- models without a price
  groupUniqArray(day) AS days        -- UTC days with requests
FROM (
  SELECT
    task::String AS task,
    toDate(ts) AS day,
    attempt.model::String AS model,
    toUInt8((attempt.input_tokens > 128000) + (attempt.input_tokens > 200000) + (attempt.input_tokens > 272000)) AS context_band,
    sum(toFloat64(attempt.input_tokens)) AS input,
    sum(toFloat64(attempt.cache_read_tokens)) AS cache_read,
    sum(toFloat64(attempt.cache_write_tokens)) AS cache_write,
    sum(toFloat64(attempt.output_tokens)) AS output
  FROM decisions FINAL
  ARRAY JOIN attempts AS attempt
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
    AND attempt.input_tokens + attempt.output_tokens > 0
  GROUP BY task, day, model, context_band
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
GROUP BY task
ORDER BY task
