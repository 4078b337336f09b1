-- what: the daily sums of all traffic once more, a row per cell with its 256 buckets as arrays: an overview reads hundreds of rows instead of a million
-- grain: that of pair_daily, cost_daily and signal_daily without segment and bucket
-- Built and swapped like the tables of 0005, from the same stage tables. Days that are rolled up already are taken over here, sealed ones too;
-- a migration that was cut off runs again, so it starts with empty tables.
CREATE TABLE IF NOT EXISTS pair_overall /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'who decided',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of this row''s policy; empty if it failed',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  n UInt64 COMMENT 'rows',
  w Array(Float64) COMMENT 'by bucket: requests',
  w_failed Array(Float64) COMMENT 'by bucket: requests whose decision failed',
  w_div_model Array(Float64) COMMENT 'by bucket: requests whose planned model differs from live',
  w_div_tier Array(Float64) COMMENT 'by bucket: requests whose model class differs from live',
  w_div_steps Array(Float64) COMMENT 'by bucket: requests whose whole plan differs from live',
  w_cascade Array(Float64) COMMENT 'by bucket: requests whose plan can escalate',
  w_esc_known Array(Float64) COMMENT 'by bucket: of those, with a known escalation',
  w_esc Array(Float64) COMMENT 'by bucket: of those, escalated',
  w_sign_1 Array(Float64) COMMENT 'by bucket: w, half of the clusters counted negative, by bit 1 of a hash of their key',
  w_sign_2 Array(Float64) COMMENT 'by bucket: w, half of the clusters counted negative, by bit 2 of a hash of their key',
  w_sign_3 Array(Float64) COMMENT 'by bucket: w, half of the clusters counted negative, by bit 3 of a hash of their key',
  w_sign_4 Array(Float64) COMMENT 'by bucket: w, half of the clusters counted negative, by bit 4 of a hash of their key'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version, live_model, shadow_model, contaminated);

CREATE TABLE IF NOT EXISTS cost_overall /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  side Enum8('live' = 1, 'shadow' = 2) COMMENT 'live = paid; shadow = would be paid at the served tokens',
  model LowCardinality(String) COMMENT 'the model to price',
  kind LowCardinality(String) COMMENT 'live: kind of the attempt. shadow: primary|escalation|escalation_unknown|escalation_avoided',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of this row''s policy; empty if it failed',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  context_band UInt8 COMMENT 'input tokens: 0 up to 128k, 1 up to 200k, 2 up to 272k, 3 above',
  cache_kept UInt8 COMMENT '1 = this model served the request, its cache split holds; 0 = cold start by default',
  n UInt64 COMMENT 'lines',
  w Array(Float64) COMMENT 'by bucket: requests',
  uncached_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  cache_read_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  cache_write_tokens Array(Float64) COMMENT 'by bucket: weighted tokens',
  output_tokens Array(Float64) COMMENT 'by bucket: weighted tokens'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, policy, policy_version, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept);

CREATE TABLE IF NOT EXISTS signal_overall /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  name LowCardinality(String) COMMENT 'name of the signal',
  source LowCardinality(String) COMMENT 'human|user|code|llm|reference|derived',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of this row''s policy; empty if it failed',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  bin UInt8 COMMENT 'floor(value * 20), 20 for 1',
  n UInt64 COMMENT 'requests with this signal',
  w Array(Float64) COMMENT 'by bucket: requests with this signal, weighted by 1/sample_rate',
  sum_value Array(Float64) COMMENT 'by bucket: weighted sum of the value in [0,1]'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin);

TRUNCATE TABLE pair_overall /*ON_CLUSTER*/;

INSERT INTO pair_overall (
  project, day, role, policy, policy_version, live_model, shadow_model, contaminated,
  n, w, w_failed, w_div_model, w_div_tier, w_div_steps, w_cascade, w_esc_known, w_esc, w_sign_1, w_sign_2, w_sign_3, w_sign_4)
SELECT
  project,
  day,
  role,
  policy,
  policy_version,
  live_model,
  shadow_model,
  contaminated,
  sum(pair_daily.n) AS n,
  groupArrayInsertAt(0., 256)(pair_daily.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(pair_daily.w_failed, bucket) AS w_failed,
  groupArrayInsertAt(0., 256)(pair_daily.w_div_model, bucket) AS w_div_model,
  groupArrayInsertAt(0., 256)(pair_daily.w_div_tier, bucket) AS w_div_tier,
  groupArrayInsertAt(0., 256)(pair_daily.w_div_steps, bucket) AS w_div_steps,
  groupArrayInsertAt(0., 256)(pair_daily.w_cascade, bucket) AS w_cascade,
  groupArrayInsertAt(0., 256)(pair_daily.w_esc_known, bucket) AS w_esc_known,
  groupArrayInsertAt(0., 256)(pair_daily.w_esc, bucket) AS w_esc,
  groupArrayInsertAt(0., 256)(pair_daily.w_sign_1, bucket) AS w_sign_1,
  groupArrayInsertAt(0., 256)(pair_daily.w_sign_2, bucket) AS w_sign_2,
  groupArrayInsertAt(0., 256)(pair_daily.w_sign_3, bucket) AS w_sign_3,
  groupArrayInsertAt(0., 256)(pair_daily.w_sign_4, bucket) AS w_sign_4
FROM pair_daily
WHERE segment_key = 'all'
GROUP BY project, day, role, policy, policy_version, live_model, shadow_model, contaminated
SETTINGS max_partitions_per_insert_block = 0;

TRUNCATE TABLE cost_overall /*ON_CLUSTER*/;

INSERT INTO cost_overall (
  project, day, policy, policy_version, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept,
  n, w, uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens)
SELECT
  project,
  day,
  policy,
  policy_version,
  side,
  model,
  kind,
  live_model,
  shadow_model,
  contaminated,
  context_band,
  cache_kept,
  sum(cost_daily.n) AS n,
  groupArrayInsertAt(0., 256)(cost_daily.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(cost_daily.uncached_tokens, bucket) AS uncached_tokens,
  groupArrayInsertAt(0., 256)(cost_daily.cache_read_tokens, bucket) AS cache_read_tokens,
  groupArrayInsertAt(0., 256)(cost_daily.cache_write_tokens, bucket) AS cache_write_tokens,
  groupArrayInsertAt(0., 256)(cost_daily.output_tokens, bucket) AS output_tokens
FROM cost_daily
WHERE segment_key = 'all'
GROUP BY project, day, policy, policy_version, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept
SETTINGS max_partitions_per_insert_block = 0;

TRUNCATE TABLE signal_overall /*ON_CLUSTER*/;

INSERT INTO signal_overall (
  project, day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin,
  n, w, sum_value)
SELECT
  project,
  day,
  policy,
  policy_version,
  name,
  source,
  live_model,
  shadow_model,
  contaminated,
  bin,
  sum(signal_daily.n) AS n,
  groupArrayInsertAt(0., 256)(signal_daily.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(signal_daily.sum_value, bucket) AS sum_value
FROM signal_daily
WHERE segment_key = 'all'
GROUP BY project, day, policy, policy_version, name, source, live_model, shadow_model, contaminated, bin
SETTINGS max_partitions_per_insert_block = 0;
