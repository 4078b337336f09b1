-- what: a sample of each day's requests for what needs single requests (times, sizes of dollars), and the daily sums of live by task
-- grain: request_sample: a decision; task_daily (project, day, task, bucket); task_plan_daily (project, day, task, plan); task_token_daily (project, day, task, model, context band)
-- Built and swapped like the tables of 0005. A day of pair_daily that request_sample lacks was summed before this migration: the worker builds it once more.
CREATE TABLE IF NOT EXISTS request_sample /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'who decided',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  bucket UInt8 COMMENT 'hash bucket of the cluster key',
  one_in UInt32 COMMENT 'of so many requests of the day one is here, chosen by the hash of its id; 1 = all',
  w Float64 COMMENT 'requests that the row stands for: one_in/sample_rate',
  task LowCardinality(String) COMMENT 'segment; empty = not given',
  user_tier LowCardinality(String) COMMENT 'segment: tier of the customer',
  complexity_band LowCardinality(String) COMMENT 'segment: low|mid|high',
  input_band LowCardinality(String) COMMENT 'segment: lt1k|1k-4k|4k-16k|16k-128k|gt128k tokens',
  labels Map(LowCardinality(String), String) COMMENT 'declared labels',
  status LowCardinality(String) COMMENT 'ok|error|timeout|invalid',
  model LowCardinality(String) COMMENT 'planned primary; empty if it failed',
  escalation_model LowCardinality(String) COMMENT 'first escalation step, empty if none',
  escalated Nullable(UInt8) COMMENT 'as in decisions',
  same_plan UInt8 COMMENT '1 = the whole plan is that of live',
  live_model LowCardinality(String) COMMENT 'planned primary of live',
  outcome_status LowCardinality(String) COMMENT 'complete|partial|error|unreported',
  served_model LowCardinality(String) COMMENT 'model that answered; empty = not reported',
  contaminated UInt8 COMMENT '1 = the served model was not simply the choice of live',
  input_tokens Nullable(UInt32) COMMENT 'tokens of the served attempt, cache included; NULL = unknown',
  cache_read_tokens UInt32 COMMENT 'tokens, part of input_tokens',
  cache_write_tokens UInt32 COMMENT 'tokens, part of input_tokens',
  output_tokens Nullable(UInt32) COMMENT 'tokens of the served attempt; NULL = unknown',
  latency_s Nullable(Float64) COMMENT 'dispatch to end of answer, seconds',
  eval_s Nullable(Float64) COMMENT 'time to decide, seconds',
  attempts Array(Tuple(model LowCardinality(String), input_tokens UInt32, cache_read_tokens UInt32, cache_write_tokens UInt32, output_tokens UInt32)) COMMENT 'every dispatch of the live plan; tokens',
  ingested_at DateTime64(3, 'UTC') COMMENT 'arrival of the decision; the row is kept as long as that'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, role, policy, policy_version)
TTL toDateTime(ingested_at) + INTERVAL 400 DAY;

CREATE TABLE IF NOT EXISTS task_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  task LowCardinality(String) COMMENT 'task of the request; empty = not given',
  bucket UInt8 COMMENT 'hash bucket of the cluster key',
  n UInt64 COMMENT 'live requests',
  token_n UInt64 COMMENT 'of these, with known tokens',
  input_tokens Float64 COMMENT 'of those, sum',
  output_tokens Float64 COMMENT 'of those, sum',
  judged_n UInt64 COMMENT 'cascades whose first answer was judged',
  refused_n UInt64 COMMENT 'of these, refused',
  plan_n UInt64 COMMENT 'live decisions with a plan',
  unknown_n UInt64 COMMENT 'of these, without a propensity',
  random_n UInt64 COMMENT 'of these, with a propensity below 1'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, task, bucket);

CREATE TABLE IF NOT EXISTS task_plan_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  task LowCardinality(String) COMMENT 'task of the request; empty = not given',
  model LowCardinality(String) COMMENT 'planned first by live',
  steps_id String COMMENT 'content hash of the ordered plan',
  steps String COMMENT 'the ordered plan, JSON' CODEC(ZSTD(1)),
  n UInt64 COMMENT 'live decisions with this plan'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, task, model, steps_id);

CREATE TABLE IF NOT EXISTS task_token_daily /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  task LowCardinality(String) COMMENT 'task of the request; empty = not given',
  model LowCardinality(String) COMMENT 'the model to price',
  context_band UInt8 COMMENT 'input tokens: 0 up to 128k, 1 up to 200k, 2 up to 272k, 3 above',
  input_tokens Float64 COMMENT 'of every live attempt, cache included',
  cache_read_tokens Float64 COMMENT 'part of input_tokens',
  cache_write_tokens Float64 COMMENT 'part of input_tokens',
  output_tokens Float64 COMMENT 'of every live attempt'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, task, model, context_band);
