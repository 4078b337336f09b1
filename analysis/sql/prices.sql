-- what: the prices that rank models as cheaper or dearer: context band 0, as of a day, of a pinned book
-- grain: one row per model
-- params: book String, on Date
SELECT
  model,
  argMax(0.75 * input_usd_per_mtok + 0.25 * output_usd_per_mtok, effective_from) AS blended_usd_per_mtok -- USD per 1e6 tokens
FROM price_books FINAL
WHERE book = {book:String} AND context_band = 0 AND effective_from <= {on:Date}
GROUP BY model
ORDER BY model
