-- what: every span as it arrived, in the columns of the OpenTelemetry Collector's clickhouse exporter
-- grain: a delivered span; redelivery in other company may leave copies, readers say LIMIT 1 BY SpanId
CREATE TABLE IF NOT EXISTS otel_traces /*ON_CLUSTER*/ (
  Timestamp DateTime64(9) COMMENT 'start of the span, UTC, nanoseconds' CODEC(Delta(8), ZSTD(1)),
  TraceId String COMMENT '32 lower-case hex characters' CODEC(ZSTD(1)),
  SpanId String COMMENT '16 lower-case hex characters' CODEC(ZSTD(1)),
  ParentSpanId String COMMENT '16 lower-case hex characters; empty for a root' CODEC(ZSTD(1)),
  TraceState String COMMENT 'W3C tracestate as sent' CODEC(ZSTD(1)),
  SpanName LowCardinality(String) COMMENT 'route NAME, shadow NAME, chat MODEL, outcome, evaluation NAME' CODEC(ZSTD(1)),
  SpanKind LowCardinality(String) COMMENT 'Unspecified|Internal|Server|Client|Producer|Consumer' CODEC(ZSTD(1)),
  ServiceName LowCardinality(String) COMMENT 'resource attribute service.name' CODEC(ZSTD(1)),
  ResourceAttributes Map(LowCardinality(String), String) COMMENT 'of the sending process; values as text' CODEC(ZSTD(1)),
  ScopeName String COMMENT 'instrumentation library; shadowroute for our own spans' CODEC(ZSTD(1)),
  ScopeVersion String COMMENT 'version of the instrumentation library' CODEC(ZSTD(1)),
  SpanAttributes Map(LowCardinality(String), String) COMMENT 'values as text: 0, false and empty are values, arrays are JSON, bytes are base64' CODEC(ZSTD(1)),
  Duration UInt64 COMMENT 'end minus start, nanoseconds' CODEC(T64, ZSTD(1)),
  StatusCode LowCardinality(String) COMMENT 'Unset|Ok|Error' CODEC(ZSTD(1)),
  StatusMessage String COMMENT 'text of an Error status' CODEC(ZSTD(1)),
  Events Nested (Timestamp DateTime64(9), Name LowCardinality(String), Attributes Map(LowCardinality(String), String)) COMMENT 'events of the span, in order' CODEC(ZSTD(1)),
  Links Nested (TraceId String, SpanId String, TraceState String, Attributes Map(LowCardinality(String), String)) COMMENT 'links to other spans, in order' CODEC(ZSTD(1)),
  ingested_at DateTime DEFAULT now() COMMENT 'arrival, UTC seconds; retention runs on it, not on event time: a backtest of old data must not expire at once',
  INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1
) ENGINE = MergeTree
PARTITION BY toYYYYMM(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp), Timestamp)
TTL ingested_at + INTERVAL 14 DAY
SETTINGS non_replicated_deduplication_window = 1000;
