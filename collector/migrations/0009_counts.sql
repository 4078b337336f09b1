-- what: daily counts that the bucket sums do not hold, so that no report has to read single rows
-- grain: count_hourly (project, hour, role, policy, version, cluster kind, outcome); count_daily (project, day, role, policy, version, status, error, pair of planned models)
-- Built like the tables of 0005. A day of pair_daily that count_daily lacks was summed before this migration: the worker builds it once more.
CREATE TABLE IF NOT EXISTS count_hourly /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'who decided',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  hour DateTime('UTC') COMMENT 'start of the hour of the decision',
  cluster_kind LowCardinality(String) COMMENT 'user|session|request',
  outcome_status LowCardinality(String) COMMENT 'complete|partial|error|unreported',
  n UInt64 COMMENT 'rows',
  w Float64 COMMENT 'requests: sum of 1/sample_rate'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version, hour, cluster_kind, outcome_status);

CREATE TABLE IF NOT EXISTS count_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'who decided',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  status LowCardinality(String) COMMENT 'ok|error|timeout|invalid',
  error_type LowCardinality(String) COMMENT 'why there is no decision, or why the live call failed; empty for neither',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  shadow_model LowCardinality(String) COMMENT 'planned primary of this row''s policy; empty if it failed',
  n UInt64 COMMENT 'rows',
  w Float64 COMMENT 'requests: sum of 1/sample_rate',
  no_tier_n UInt64 COMMENT 'rows whose own model has no known class',
  no_live_tier_n UInt64 COMMENT 'rows whose live model has no known class',
  no_steps_n UInt64 COMMENT 'rows whose own plan or live plan has no id'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version, status, error_type, live_model, shadow_model);

-- Sums over clusters with random signs: their squares add up to the squared cluster sizes, over any number of days.
ALTER TABLE pair_daily /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS w_sign_1 Float64 COMMENT 'w, half of the clusters counted negative, by bit 1 of a hash of their key';
ALTER TABLE pair_daily /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS w_sign_2 Float64 COMMENT 'the same by bit 2';
ALTER TABLE pair_daily /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS w_sign_3 Float64 COMMENT 'the same by bit 3';
ALTER TABLE pair_daily /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS w_sign_4 Float64 COMMENT 'the same by bit 4';
