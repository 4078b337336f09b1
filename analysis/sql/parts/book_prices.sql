-- what: the prices of a book, those of the day of a line
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
