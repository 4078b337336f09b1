-- what: where each turn of a session stands in the prompt caches of its models, as live paid it and as each shadow policy would have left them
-- grain: cache_daily: role, policy, version, marginal segment, pair, contaminated, bucket, kind, model, context band, state; cache_overall by task only, arrays over the 256 buckets
-- Built and swapped like the tables of 0005. A day of pair_daily that cache_daily lacks was summed before this migration: the worker builds it once more.
CREATE TABLE IF NOT EXISTS cache_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'live = paid calls, of all live policies together; shadow = planned ones',
  policy LowCardinality(String) COMMENT 'name of the shadow policy; empty for live',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document; empty for live',
  segment_key LowCardinality(String) COMMENT 'task|user_tier|complexity_band|input_band|label:NAME; every request has a task, if an empty one; live has task only',
  segment_value LowCardinality(String) COMMENT 'value of the segment',
  live_model LowCardinality(String) COMMENT 'planned primary of live; empty for live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of the shadow; empty for live',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live; 0 for live',
  bucket UInt8 COMMENT 'hash bucket of the cluster key',
  kind LowCardinality(String) COMMENT 'of the call: paid for live; primary|escalation|escalation_unknown|escalation_avoided for a shadow; empty = nothing was called',
  model LowCardinality(String) COMMENT 'the model that was called, or would be',
  context_band UInt8 COMMENT 'input tokens: 0 up to 128k, 1 up to 200k, 2 up to 272k, 3 above',
  state Enum8('untold' = 0, 'logged' = 1, 'first' = 2, 'short' = 3, 'minute' = 4, 'five_minutes' = 5, 'hour' = 6, 'later' = 7)
    COMMENT 'untold = no session to tell; logged = live made this call after the same last turn; first = no turn on this model before that a cache could hold; short = below what the provider caches, with or without a session; else the time since the last turn on this model',
  n UInt64 COMMENT 'calls',
  w Float64 COMMENT 'calls: sum of 1/sample_rate',
  input_tokens Float64 COMMENT 'weighted tokens of the prompt',
  reach_tokens Float64 COMMENT 'of these, at most as many as the last turn on this model had: what its cache may hold of the session; 0 without such a turn',
  start_tokens Float64 COMMENT 'of these, at most as many as the first turn of the session had: what sessions may share; 0 where untold, logged or short',
  read_tokens Float64 COMMENT 'weighted tokens read from the cache, as live was billed; of a shadow only where logged',
  write_tokens Float64 COMMENT 'weighted tokens written into the cache, as live was billed; of a shadow only where logged',
  kept_read_tokens Float64 COMMENT 'weighted tokens that cost_daily takes for read, because this model served the request; 0 for live',
  kept_write_tokens Float64 COMMENT 'weighted tokens that cost_daily takes for written, because this model served the request; 0 for live'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version, segment_key, segment_value, kind, model, state, live_model, shadow_model, contaminated, context_band, bucket);

CREATE TABLE IF NOT EXISTS cache_overall /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'live = paid calls; shadow = planned ones',
  policy LowCardinality(String) COMMENT 'name of the shadow policy; empty for live',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document; empty for live',
  task LowCardinality(String) COMMENT 'task of the request; empty = not given',
  kind LowCardinality(String) COMMENT 'of the call, as in cache_daily',
  model LowCardinality(String) COMMENT 'the model that was called, or would be',
  state Enum8('untold' = 0, 'logged' = 1, 'first' = 2, 'short' = 3, 'minute' = 4, 'five_minutes' = 5, 'hour' = 6, 'later' = 7) COMMENT 'as in cache_daily',
  live_model LowCardinality(String) COMMENT 'planned primary of live; empty for live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of the shadow; empty for live',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live; 0 for live',
  context_band UInt8 COMMENT 'input tokens: 0 up to 128k, 1 up to 200k, 2 up to 272k, 3 above',
  n Array(UInt64) COMMENT 'by bucket: calls',
  w Array(Float64) COMMENT 'by bucket: calls, weighted by 1/sample_rate',
  input_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  reach_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  start_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  read_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  write_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  kept_read_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  kept_write_tokens Array(Float64) COMMENT 'by bucket: weighted tokens'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version, task, kind, model, state, live_model, shadow_model, contaminated, context_band);
