-- what: cost of every attempt of a task's live requests, at the prices of a book
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
    day,
    model::String AS model,
    context_band,
    input_tokens AS input,
    cache_read_tokens AS cache_read,
    cache_write_tokens AS cache_write,
    output_tokens AS output
  FROM task_token_daily
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
) AS lines
-- part: book_prices
GROUP BY task
ORDER BY task
