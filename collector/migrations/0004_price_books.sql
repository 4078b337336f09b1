-- what: prices, and which book a project uses; a book never changes once it is pinned
-- grain: price_books (book, model, context_band, effective_from); price_book_pins (project, pinned_at, book)
CREATE TABLE IF NOT EXISTS price_books /*ON_CLUSTER*/ (
  book LowCardinality(String) COMMENT 'name of the book, from the content of its rows',
  provider LowCardinality(String) COMMENT 'who sells the model',
  model LowCardinality(String) COMMENT 'catalogue name, as in decisions',
  context_band UInt8 COMMENT 'input tokens: 0 up to 128k, 1 up to 200k, 2 up to 272k, 3 above; the loader writes all four',
  effective_from Date COMMENT 'first UTC day of this price',
  input_usd_per_mtok Float64 COMMENT 'USD per 1e6 uncached input tokens',
  cache_read_usd_per_mtok Float64 COMMENT 'USD per 1e6 input tokens read from the cache',
  cache_write_usd_per_mtok Float64 COMMENT 'USD per 1e6 input tokens written to the cache',
  output_usd_per_mtok Float64 COMMENT 'USD per 1e6 output tokens',
  source String COMMENT 'registry version or file'
) ENGINE = ReplacingMergeTree
ORDER BY (book, model, context_band, effective_from);

CREATE TABLE IF NOT EXISTS price_book_pins /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment; empty = the default of all projects',
  book LowCardinality(String) COMMENT 'name of the book',
  pinned_at DateTime64(6, 'UTC') COMMENT 'the latest pin of a project counts',
  source String COMMENT 'file or command that pinned it'
) ENGINE = ReplacingMergeTree
ORDER BY (project, pinned_at, book);
