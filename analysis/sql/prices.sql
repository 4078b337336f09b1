-- what: input and output prices of context band 0, as of a day, of a pinned book; they rank models as cheaper or dearer
-- grain: one row per model
-- params: book String, on Date
SELECT
  model,
  argMax(price_books.input_usd_per_mtok, effective_from) AS input_usd_per_mtok,   -- USD per 1e6 uncached tokens
  argMax(price_books.output_usd_per_mtok, effective_from) AS output_usd_per_mtok  -- USD per 1e6 tokens
FROM price_books FINAL
WHERE book = {book:String} AND context_band = 0 AND effective_from <= {on:Date}
GROUP BY model
ORDER BY model
