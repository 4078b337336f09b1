-- what: facts that arrive after the decision: quality signals and late outcomes; the newest event time wins
-- grain: signals (project, target, name, source, scorer); late_outcomes (project, request_id)
CREATE TABLE IF NOT EXISTS signals /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  target String COMMENT 'request id, else response:<provider response id>, else span:<trace id><span id>',
  name LowCardinality(String) COMMENT 'what was judged',
  source LowCardinality(String) COMMENT 'human|user|code|llm|reference',
  scorer String COMMENT 'who judged, if one source has several',
  ts DateTime64(6, 'UTC') COMMENT 'when the signal was observed',
  value Nullable(Float64) COMMENT 'in [0,1], 1 is best; NULL = label only',
  label LowCardinality(String) COMMENT 'category, if any',
  explanation String COMMENT 'free text of the scorer' CODEC(ZSTD(3)),
  version UInt64 COMMENT 'event time in ns, never of arrival: a redelivered old thumb must not win',
  is_deleted UInt8 COMMENT '1 = withdrawn',
  ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'arrival; the rollup worker runs on it',
  INDEX idx_ingested ingested_at TYPE minmax GRANULARITY 1
) ENGINE = ReplacingMergeTree(version, is_deleted)
ORDER BY (project, target, name, source, scorer)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS signals_mv /*ON_CLUSTER*/ TO signals AS
WITH SpanAttributes AS a
SELECT
  if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) AS project,
  multiIf(a['llm_router.request.id'] != '', a['llm_router.request.id'], a['gen_ai.response.id'] != '', 'response:' || a['gen_ai.response.id'], 'span:' || Links.TraceId[1] || Links.SpanId[1]) AS target,
  a['gen_ai.evaluation.name'] AS name,
  if(a['llm_router.signal.source'] = '', 'code', a['llm_router.signal.source']) AS source,
  a['llm_router.signal.scorer'] AS scorer,
  Timestamp AS ts,
  toFloat64OrNull(a['gen_ai.evaluation.score.value']) AS value,
  a['gen_ai.evaluation.score.label'] AS label,
  a['gen_ai.evaluation.explanation'] AS explanation,
  toUInt64(toUnixTimestamp64Nano(Timestamp)) AS version,
  a['llm_router.signal.deleted'] IN ('true', '1') AS is_deleted
FROM otel_traces
WHERE SpanAttributes['gen_ai.evaluation.name'] != ''
  AND (SpanAttributes['llm_router.request.id'] != '' OR SpanAttributes['gen_ai.response.id'] != '' OR length(Links.TraceId) = 1)
  AND ifNull(toFloat64OrNull(SpanAttributes['gen_ai.evaluation.score.value']) BETWEEN 0 AND 1, 1);

CREATE TABLE IF NOT EXISTS late_outcomes /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  request_id String COMMENT 'the request whose outcome arrived late',
  revision UInt64 COMMENT 'event time in ns; becomes the revision of the corrected rows',
  response_id String COMMENT 'of the provider; empty = not reported',
  served_model LowCardinality(String) COMMENT 'model that answered',
  served_provider LowCardinality(String) COMMENT 'provider that answered',
  outcome_status LowCardinality(String) COMMENT 'complete|partial|error',
  contamination Array(LowCardinality(String)) COMMENT 'fallback|cache_hit|pinned|rewritten',
  input_tokens Nullable(UInt32) COMMENT 'tokens, cache reads and writes included; NULL = unknown',
  cache_read_tokens UInt32 COMMENT 'tokens, part of input_tokens',
  cache_write_tokens UInt32 COMMENT 'tokens, part of input_tokens',
  output_tokens Nullable(UInt32) COMMENT 'tokens; NULL = unknown',
  latency_s Nullable(Float64) COMMENT 'dispatch to end of answer, seconds',
  ttft_s Nullable(Float64) COMMENT 'dispatch to first chunk, seconds',
  reported_cost_usd Nullable(Float64) COMMENT 'USD, only if the provider or host reported it',
  attempts Array(Tuple(kind LowCardinality(String), provider LowCardinality(String), model LowCardinality(String), error_type LowCardinality(String), input_tokens UInt32, cache_read_tokens UInt32, cache_write_tokens UInt32, output_tokens UInt32, latency_s Float64)) COMMENT 'every dispatch, in order; the served one alone if only its tokens are known; tokens, seconds',
  ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'arrival; the rollup worker runs on it'
) ENGINE = ReplacingMergeTree(revision)
ORDER BY (project, request_id)
SETTINGS non_replicated_deduplication_window = 1000;

CREATE MATERIALIZED VIEW IF NOT EXISTS late_outcomes_mv /*ON_CLUSTER*/ TO late_outcomes AS
WITH SpanAttributes AS a,
  JSONExtract(a['llm_router.attempts'], 'Array(Tuple(kind String, provider String, model String, error_type String, input_tokens UInt32, cache_read_tokens UInt32, cache_write_tokens UInt32, output_tokens UInt32, latency_s Float64))') AS att,
  toUInt32OrZero(a['gen_ai.usage.cache_read.input_tokens']) AS tcr,
  toUInt32OrZero(coalesce(nullIf(a['gen_ai.usage.cache_write.input_tokens'], ''), a['gen_ai.usage.cache_creation.input_tokens'])) AS tcw,
  toUInt32OrNull(coalesce(nullIf(a['gen_ai.usage.input_tokens'], ''), a['gen_ai.usage.prompt_tokens'])) AS sent_tin,
  if(toUInt64(tcr) + tcw > assumeNotNull(sent_tin), NULL, sent_tin) AS tin,
  toUInt32OrNull(coalesce(nullIf(a['gen_ai.usage.output_tokens'], ''), a['gen_ai.usage.completion_tokens'])) AS tout,
  coalesce(nullIf(a['gen_ai.provider.name'], ''), a['gen_ai.system']) AS answered_by
SELECT
  if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) AS project,
  a['llm_router.request.id'] AS request_id,
  toUInt64(toUnixTimestamp64Nano(Timestamp)) AS revision,
  a['gen_ai.response.id'] AS response_id,
  a['gen_ai.response.model'] AS served_model,
  answered_by AS served_provider,
  if(a['llm_router.outcome.status'] = '', 'complete', a['llm_router.outcome.status']) AS outcome_status,
  arrayFilter(x -> x != '', splitByChar(',', a['llm_router.outcome.contamination'])) AS contamination,
  tin AS input_tokens,
  tcr AS cache_read_tokens,
  tcw AS cache_write_tokens,
  tout AS output_tokens,
  toFloat64OrNull(a['llm_router.outcome.duration_s']) AS latency_s,
  toFloat64OrNull(a['gen_ai.response.time_to_first_chunk']) AS ttft_s,
  toFloat64OrNull(a['llm_router.outcome.cost_usd']) AS reported_cost_usd,
  if(empty(att) AND tin IS NOT NULL AND tout IS NOT NULL,
    [('primary', answered_by, a['gen_ai.response.model'], '', assumeNotNull(tin), tcr, tcw, assumeNotNull(tout), toFloat64OrZero(a['llm_router.outcome.duration_s']))], att) AS attempts
FROM otel_traces
WHERE SpanAttributes['llm_router.role'] = 'outcome' AND SpanAttributes['llm_router.request.id'] != '';
