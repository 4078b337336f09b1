-- what: which shadows were meant to decide on a request, so that a loss is told apart from what is absent by design
-- grain: decisions as before; meant_hourly (project, hour, role, policy, version, marginal segment)
-- Rows that are stored already do not say it: they keep an empty text, and nothing is claimed about them.
ALTER TABLE decisions /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS shadows LowCardinality(String) DEFAULT '' COMMENT 'JSON [{policy, version}] of the shadows meant for the request; empty = not stated, or stored before this column' AFTER sample_rate;

-- Built like the tables of 0005. A day of pair_daily that meant_hourly lacks was summed before this migration: the worker builds it once more.
CREATE TABLE IF NOT EXISTS meant_hourly /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  day Date COMMENT 'UTC day of the decision',
  role Enum8('live' = 1, 'shadow' = 2) COMMENT 'who decided, or was meant to',
  policy LowCardinality(String) COMMENT 'name of the policy',
  policy_version LowCardinality(String) COMMENT 'content hash of the policy document',
  segment_key LowCardinality(String) COMMENT 'all|task|user_tier|complexity_band|input_band|label:NAME',
  segment_value LowCardinality(String) COMMENT 'value of the segment; empty for all',
  hour DateTime('UTC') COMMENT 'start of the hour of the decision',
  meant_n UInt64 COMMENT 'live requests that name this shadow; 0 for live',
  stated_n UInt64 COMMENT 'its decisions on requests that state which shadows were meant',
  stated_w Float64 COMMENT 'the same, each counted 1/sample_rate times',
  unstated_n UInt64 COMMENT 'its decisions on requests that do not state it',
  unstated_w Float64 COMMENT 'the same, each counted 1/sample_rate times'
) ENGINE = MergeTree
PARTITION BY (project, day)
ORDER BY (project, segment_key, role, policy, policy_version, segment_value, hour);

-- The view of 0008 with one more column. Replaced in one step: between a DROP and a CREATE spans would pass it by.
ALTER TABLE decisions_mv /*ON_CLUSTER*/ MODIFY QUERY
WITH SpanAttributes AS a,
  coalesce(nullIf(a['llm_router.user.key'], ''), nullIf(a['llm_router.session.key'], ''), a['llm_router.request.id']) AS ck,
  toInt64OrZero(a['llm_router.request.time_us']) AS us,
  if(us BETWEEN 946684800000000 AND 4102444800000000, us, intDiv(toUnixTimestamp64Nano(Timestamp), 1000)) AS decided_us,
  a['llm_router.decision.model'] AS planned,
  multiIf(a['llm_router.decision.status'] NOT IN ('', 'ok'), a['llm_router.decision.status'], planned = '', 'invalid', 'ok') AS decision_status,
  JSONExtract(a['llm_router.attempts'], 'Array(Tuple(kind String, provider String, model String, error_type String, input_tokens UInt32, cache_read_tokens UInt32, cache_write_tokens UInt32, output_tokens UInt32, latency_s Float64))') AS att,
  toUInt32OrZero(a['gen_ai.usage.cache_read.input_tokens']) AS tcr,
  toUInt32OrZero(coalesce(nullIf(a['gen_ai.usage.cache_write.input_tokens'], ''), a['gen_ai.usage.cache_creation.input_tokens'])) AS tcw,
  toUInt32OrNull(coalesce(nullIf(a['gen_ai.usage.input_tokens'], ''), a['gen_ai.usage.prompt_tokens'])) AS sent_tin,
  if(toUInt64(tcr) + tcw > assumeNotNull(sent_tin), NULL, sent_tin) AS tin,
  toUInt32OrNull(coalesce(nullIf(a['gen_ai.usage.output_tokens'], ''), a['gen_ai.usage.completion_tokens'])) AS tout,
  coalesce(nullIf(a['gen_ai.provider.name'], ''), a['gen_ai.system']) AS answered_by,
  toFloat64OrZero(a['llm_router.sample_rate']) AS rate
SELECT
  if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) AS project,
  fromUnixTimestamp64Micro(decided_us, 'UTC') AS ts,
  a['llm_router.request.id'] AS request_id,
  CAST(if(a['llm_router.role'] = 'live', 1, 2), 'Enum8(\'live\' = 1, \'shadow\' = 2)') AS role,
  a['llm_router.policy.name'] AS policy,
  a['llm_router.policy.version'] AS policy_version,
  toUInt64OrZero(a['llm_router.revision']) AS revision,
  TraceId AS trace_id,
  SpanId AS span_id,
  a['gen_ai.response.id'] AS response_id,
  if(a['llm_router.origin'] = '', 'production', a['llm_router.origin']) AS origin,
  ck AS cluster_key,
  multiIf(a['llm_router.user.key'] != '', 'user', a['llm_router.session.key'] != '', 'session', 'request') AS cluster_kind,
  reinterpretAsUInt8(substring(MD5(ck), 1, 1)) AS bucket,
  a['llm_router.session.key'] AS session_key,
  a['llm_router.task'] AS task,
  a['llm_router.user.tier'] AS user_tier,
  a['llm_router.complexity.band'] AS complexity_band,
  a['llm_router.input.band'] AS input_band,
  JSONExtract(a['llm_router.labels'], 'Map(LowCardinality(String), String)') AS labels,
  a['gen_ai.prompt.version'] AS prompt_version,
  decision_status AS status,
  if(decision_status = 'invalid' AND a['error.type'] = '', 'no_model', a['error.type']) AS error_type,
  if(decision_status = 'ok', planned, '') AS model,
  if(decision_status = 'ok', a['llm_router.decision.tier'], '') AS tier,
  if(decision_status = 'ok', a['llm_router.decision.escalation_model'], '') AS escalation_model,
  a['llm_router.decision.steps_id'] AS steps_id,
  a['llm_router.decision.steps'] AS steps,
  a['llm_router.decision.candidates'] AS candidates,
  a['llm_router.decision.reason'] AS reason,
  toFloat64OrNull(a['llm_router.decision.confidence']) AS confidence,
  toFloat64OrNull(a['llm_router.decision.propensity']) AS propensity,
  toFloat64OrNull(a['llm_router.decision.duration_s']) AS eval_s,
  a['llm_router.state.mode'] AS state_mode,
  if(a['llm_router.role'] = 'live', if(decision_status = 'ok', planned, ''), a['llm_router.live.model']) AS live_model,
  if(a['llm_router.role'] = 'live', a['llm_router.decision.tier'], a['llm_router.live.tier']) AS live_tier,
  if(a['llm_router.role'] = 'live', a['llm_router.decision.steps_id'], a['llm_router.live.steps_id']) AS live_steps_id,
  if(a['llm_router.outcome.status'] = '', 'unreported', a['llm_router.outcome.status']) AS outcome_status,
  a['gen_ai.response.model'] AS served_model,
  answered_by AS served_provider,
  arrayFilter(x -> x != '', splitByChar(',', a['llm_router.outcome.contamination'])) AS contamination,
  tin AS input_tokens,
  tcr AS cache_read_tokens,
  tcw AS cache_write_tokens,
  tout AS output_tokens,
  toFloat64OrNull(a['llm_router.outcome.duration_s']) AS latency_s,
  toFloat64OrNull(a['gen_ai.response.time_to_first_chunk']) AS ttft_s,
  toFloat64OrNull(a['llm_router.outcome.cost_usd']) AS reported_cost_usd,
  if(empty(att) AND tin IS NOT NULL AND tout IS NOT NULL,
    [('primary', answered_by, a['gen_ai.response.model'], '', assumeNotNull(tin), tcr, tcw, assumeNotNull(tout), toFloat64OrZero(a['llm_router.outcome.duration_s']))], att) AS attempts,
  toUInt8OrNull(a['llm_router.decision.escalated']) AS escalated,
  if(rate > 0 AND rate <= 1, rate, 1.) AS sample_rate,
  if(JSONType(a['llm_router.shadows']) = 'Array', a['llm_router.shadows'], '') AS shadows,
  ScopeVersion AS sdk_version
FROM otel_traces
WHERE SpanAttributes['llm_router.request.id'] != '' AND SpanAttributes['llm_router.role'] IN ('live', 'shadow') AND SpanAttributes['llm_router.policy.name'] != '';
