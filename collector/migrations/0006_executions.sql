-- what: answers that were produced and scored on purpose, for a probability sample of requests
-- grain: (project, sample, request_id, policy, policy_version, model, signal, scorer); append-only, a repeated import has the same key
CREATE TABLE IF NOT EXISTS executions /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  `sample` LowCardinality(String) COMMENT 'name of the draw; inclusion probabilities are of this draw',
  request_id String COMMENT 'the live request that was answered again',
  policy LowCardinality(String) COMMENT 'policy whose whole plan was run; empty = the model alone, for every plan that is this one step',
  policy_version LowCardinality(String) COMMENT 'version of that policy; empty = any',
  model LowCardinality(String) COMMENT 'model whose answer this is',
  inclusion_probability Float64 COMMENT '(0,1]: chance that the draw takes this request',
  stratum LowCardinality(String) COMMENT 'stratum of the draw; empty = not stratified',
  status LowCardinality(String) COMMENT 'ok|error: error = the draw took it and no answer came',
  escalated Nullable(UInt8) COMMENT '1 = the first answer was refused and a second model was paid; NULL = not a cascade, or unknown',
  input_tokens Nullable(UInt32) COMMENT 'tokens of the first step, cache reads and writes included; NULL = unknown',
  output_tokens Nullable(UInt32) COMMENT 'tokens of the first step; NULL = unknown',
  cost_usd Nullable(Float64) COMMENT 'USD paid for the whole plan; NULL = unknown',
  latency_s Nullable(Float64) COMMENT 'dispatch to end of the whole plan, seconds',
  signal LowCardinality(String) COMMENT 'what the score measures, for example resolved; empty = not scored',
  score Nullable(Float64) COMMENT 'in [0,1], 1 is best; NULL = not scored',
  live_score Nullable(Float64) COMMENT 'the same scorer on the answer that live served; NULL = take the signal of that name, if it arrived',
  scorer String COMMENT 'who judged',
  executed_at DateTime64(6, 'UTC') COMMENT 'when the answer was made',
  version UInt64 COMMENT 'executed_at in ns: of two records of one execution the later wins',
  ingested_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'arrival'
) ENGINE = ReplacingMergeTree(version)
ORDER BY (project, `sample`, request_id, policy, policy_version, model, signal, scorer);
