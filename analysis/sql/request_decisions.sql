-- what: everything decided and served on one request
-- grain: one row per role, policy and version, live first
-- params: project String, request_id String
SELECT
  role,
  policy,
  policy_version,
  ts,                                -- live decision time, UTC
  status,
  error_type,
  model,                             -- planned primary
  tier,
  escalation_model,
  steps,                             -- JSON
  candidates,                        -- JSON
  reason,
  confidence,                        -- in [0,1]; NULL = unknown
  propensity,                        -- in (0,1]; NULL = unknown
  eval_s,                            -- seconds; NULL = unknown
  state_mode,
  escalated,                         -- NULL = unknown
  outcome_status,
  served_model,
  served_provider,
  response_id,
  trace_id,
  span_id,
  contamination,
  input_tokens,                      -- tokens; NULL = unknown
  cache_read_tokens,
  cache_write_tokens,
  output_tokens,                     -- tokens; NULL = unknown
  latency_s,                         -- seconds; NULL = unknown
  ttft_s,                            -- seconds; NULL = unknown
  reported_cost_usd,                 -- USD; NULL = not reported
  cluster_kind,
  task,
  user_tier,
  complexity_band,
  input_band,
  labels,
  prompt_version,
  sample_rate,
  origin,
  sdk_version,
  attempts.kind AS attempt_kinds,
  attempts.provider AS attempt_providers,
  attempts.model AS attempt_models,
  attempts.error_type AS attempt_errors,
  attempts.input_tokens AS attempt_input_tokens,
  attempts.cache_read_tokens AS attempt_cache_read_tokens,
  attempts.cache_write_tokens AS attempt_cache_write_tokens,
  attempts.output_tokens AS attempt_output_tokens,
  attempts.latency_s AS attempt_latencies_s
FROM named_decisions AS decisions
WHERE project = {project:String} AND decisions.request_id = {request_id:String}
ORDER BY role, policy, policy_version
