-- what: a mark that changes when something arrives
-- grain: one row
-- params: since DateTime64(3, 'UTC')
SELECT
  (SELECT (count(), max(ingested_at)) FROM decisions WHERE ingested_at >= {since:DateTime64(3, 'UTC')}) AS decisions,
  (SELECT (count(), max(ingested_at)) FROM signals WHERE ingested_at >= {since:DateTime64(3, 'UTC')}) AS signals,
  (SELECT (count(), max(ingested_at)) FROM late_outcomes WHERE ingested_at >= {since:DateTime64(3, 'UTC')}) AS outcomes;
