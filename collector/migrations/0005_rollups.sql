-- what: daily sums per hash bucket, and the worker's own records
-- grain: (project, day, policy, version, marginal segment, pair, bucket); see each key
-- Never fed by a materialized view: a (project, day) is rebuilt from deduplicated rows in a twin of the table and swapped in whole.
CREATE TABLE IF NOT EXISTS pair_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'who decided',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  segment_key LowCardinality(String) COMMENT 'all|task|user_tier|complexity_band|input_band|label:NAME',
  segment_value LowCardinality(String) COMMENT 'value of the segment; empty for all',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of this row''s policy; empty if it failed',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  bucket UInt8 COMMENT 'hash bucket of the cluster key',
  n UInt64 COMMENT 'rows',
  w Float64 COMMENT 'requests: sum of 1/sample_rate',
  w_failed Float64 COMMENT 'requests whose decision failed',
  w_div_model Float64 COMMENT 'requests whose planned model differs from live',
  w_div_tier Float64 COMMENT 'requests whose model class differs from live',
  w_div_steps Float64 COMMENT 'requests whose whole plan differs from live',
  w_cascade Float64 COMMENT 'requests whose plan can escalate',
  w_esc_known Float64 COMMENT 'of those, with a known escalation',
  w_esc Float64 COMMENT 'of those, escalated'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket);

CREATE TABLE IF NOT EXISTS cost_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  policy LowCardinality(String) COMMENT 'name of the shadow policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  segment_key LowCardinality(String) COMMENT 'all|task|user_tier|complexity_band|input_band|label:NAME',
  segment_value LowCardinality(String) COMMENT 'value of the segment; empty for all',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of the shadow',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  bucket UInt8 COMMENT 'hash bucket of the cluster key',
  side Enum8('live' = 1, 'shadow' = 2) COMMENT 'live = paid; shadow = would be paid at the served tokens',
  kind LowCardinality(String) COMMENT 'live: kind of the attempt. shadow: primary|escalation|escalation_unknown',
  model LowCardinality(String) COMMENT 'the model to price',
  context_band UInt8 COMMENT 'input tokens: 0 up to 128k, 1 up to 200k, 2 up to 272k, 3 above',
  cache_kept UInt8 COMMENT '1 = this model served the request, its cache split holds; 0 = cold start by default',
  n UInt64 COMMENT 'lines',
  w Float64 COMMENT 'requests: sum of 1/sample_rate',
  uncached_tokens Float64 COMMENT 'weighted tokens',
  cache_read_tokens Float64 COMMENT 'weighted tokens',
  cache_write_tokens Float64 COMMENT 'weighted tokens',
  output_tokens Float64 COMMENT 'weighted tokens'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, policy, policy_version, segment_key, segment_value, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept, bucket);

CREATE TABLE IF NOT EXISTS signal_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  policy LowCardinality(String) COMMENT 'name of the shadow policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  segment_key LowCardinality(String) COMMENT 'all|task|user_tier|complexity_band|input_band|label:NAME',
  segment_value LowCardinality(String) COMMENT 'value of the segment; empty for all',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of the shadow',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  bucket UInt8 COMMENT 'hash bucket of the cluster key',
  name LowCardinality(String) COMMENT 'name of the signal',
  source LowCardinality(String) COMMENT 'human|user|code|llm|reference',
  bin UInt8 COMMENT 'floor(value * 20), 20 for 1',
  n UInt64 COMMENT 'requests with this signal',
  w Float64 COMMENT 'the same, weighted by 1/sample_rate',
  sum_value Float64 COMMENT 'weighted sum of the value in [0,1]',
  sum_sq Float64 COMMENT 'weighted sum of its square'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, policy, policy_version, segment_key, segment_value, name, source, live_model, shadow_model, contaminated, bin, bucket);

CREATE TABLE IF NOT EXISTS segment_values /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  segment_key LowCardinality(String) COMMENT 'task|user_tier|complexity_band|input_band|label:NAME',
  segment_value String COMMENT 'a value that keeps its own segment; later ones are counted as other',
  first_seen DateTime64(3, 'UTC') COMMENT 'when the worker first saw it'
) ENGINE = ReplacingMergeTree
ORDER BY (project, segment_key, segment_value);

CREATE TABLE IF NOT EXISTS rollup_runs /*ON_CLUSTER*/ (
  started_at DateTime64(3, 'UTC') COMMENT 'rows that arrived before this are in the rollups',
  seconds Float64 COMMENT 'duration of the run',
  days UInt32 COMMENT 'project-days rebuilt',
  rows UInt64 COMMENT 'rows written into the rollups',
  late_after_seal UInt64 COMMENT 'decisions that arrived for a sealed day: stored, not applied'
) ENGINE = MergeTree
ORDER BY started_at
TTL toDateTime(started_at) + INTERVAL 90 DAY;
