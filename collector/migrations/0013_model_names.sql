-- what: which model a name means and whose price holds for it; decisions and executed answers with their names so mapped
-- grain: model_names (project, provider, name); the newest row wins. The tables of decisions keep every name as it was sent
CREATE TABLE IF NOT EXISTS model_names /*ON_CLUSTER*/ (
  project LowCardinality(String) COMMENT 'tenant or environment',
  provider LowCardinality(String) COMMENT 'who served it, as sent; empty = a planned model',
  name String COMMENT 'as sent: an id of a provider, a route of a gateway, a deployment',
  family LowCardinality(String) COMMENT 'the model for choices and comparisons',
  price_key LowCardinality(String) COMMENT 'model of the price book whose price holds; empty = no price is known',
  source LowCardinality(String) COMMENT 'models.yaml, or the version of the price registry',
  since DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'when this meaning was learned; its days are summed again'
) ENGINE = ReplacingMergeTree(since)
ORDER BY (project, provider, name)
SETTINGS non_replicated_deduplication_window = 1000;

ALTER TABLE decisions /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS served_name String DEFAULT '' COMMENT 'id of the model in the answer, as sent; empty = as served_model, or stored before this column' AFTER served_model;

ALTER TABLE late_outcomes /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS served_name String DEFAULT '' COMMENT 'as in decisions' AFTER served_model;

ALTER TABLE request_sample /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS model_key LowCardinality(String) DEFAULT model COMMENT 'price key of the planned primary' AFTER model;

ALTER TABLE request_sample /*ON_CLUSTER*/ ADD COLUMN IF NOT EXISTS escalation_key LowCardinality(String) DEFAULT escalation_model COMMENT 'price key of the escalation' AFTER escalation_model;

-- A name that means itself needs no entry: every row is looked up.
CREATE VIEW IF NOT EXISTS named_decisions /*ON_CLUSTER*/ AS
WITH
  (SELECT groupArray((concat(project, ' ', provider, ' ', name), family)) FROM (SELECT * FROM model_names FINAL WHERE family != name ORDER BY project, provider, name)) AS families,
  (SELECT groupArray((concat(project, ' ', provider, ' ', name), price_key)) FROM (SELECT * FROM model_names FINAL WHERE price_key != '' AND (provider != '' OR price_key != family) ORDER BY project, provider, name)) AS price_keys,
  (provider, name, otherwise) -> transform(concat(d.project, ' ', provider, ' ', name), families.1, families.2, otherwise::String) AS family_of,
  (provider, name, otherwise) -> transform(concat(d.project, ' ', provider, ' ', name), price_keys.1, price_keys.2, otherwise::String) AS key_of,
  if(d.served_name IN ('', d.served_model), family_of(d.served_provider, d.served_model, d.served_model), family_of('', d.served_model, d.served_model)) AS served_family,
  key_of(d.served_provider, if(d.served_name = '', d.served_model, d.served_name), key_of('', d.served_model, served_family)) AS key_of_answer,
  family_of('', d.model, d.model) AS planned_family,
  family_of('', d.escalation_model, d.escalation_model) AS second_family
SELECT
  d.* REPLACE (
    planned_family AS model,
    second_family AS escalation_model,
    family_of('', d.live_model, d.live_model) AS live_model,
    served_family AS served_model,
    arrayMap(a -> (a.kind, a.provider, family_of(a.provider, a.model, family_of('', a.model, a.model)), a.error_type, a.input_tokens, a.cache_read_tokens, a.cache_write_tokens, a.output_tokens, a.latency_s), d.attempts)::Array(Tuple(kind LowCardinality(String), provider LowCardinality(String), model LowCardinality(String), error_type LowCardinality(String), input_tokens UInt32, cache_read_tokens UInt32, cache_write_tokens UInt32, output_tokens UInt32, latency_s Float64)) AS attempts),
  -- The model that answered costs what its snapshot costs, for live and for a shadow that plans the same model.
  if(planned_family = served_family, key_of_answer, key_of('', d.model, planned_family)) AS model_key,
  if(second_family = served_family, key_of_answer, key_of('', d.escalation_model, second_family)) AS escalation_key,
  key_of_answer AS served_key,
  arrayMap(a -> if(a.model = d.served_model, key_of_answer, key_of(a.provider, a.model, key_of('', a.model, family_of('', a.model, a.model)))), d.attempts) AS attempt_keys
FROM decisions AS d FINAL;

CREATE VIEW IF NOT EXISTS named_executions /*ON_CLUSTER*/ AS
WITH
  (SELECT groupArray((concat(project, ' ', name), family)) FROM (SELECT * FROM model_names FINAL WHERE provider = '' AND family != name ORDER BY project, name)) AS families,
  (SELECT groupArray((concat(project, ' ', name), price_key)) FROM (SELECT * FROM model_names FINAL WHERE provider = '' AND price_key NOT IN ('', family) ORDER BY project, name)) AS price_keys,
  transform(concat(e.project, ' ', e.model), families.1, families.2, e.model::String) AS family
SELECT
  e.* REPLACE (family AS model),
  transform(concat(e.project, ' ', e.model), price_keys.1, price_keys.2, family) AS model_key
FROM executions AS e FINAL;

-- The view of 0012 with the answer's name as it was sent.
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
  a['llm_router.outcome.reported_model'] AS served_name,
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

-- The view of 0003, likewise.
ALTER TABLE late_outcomes_mv /*ON_CLUSTER*/ MODIFY QUERY
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
  a['llm_router.outcome.reported_model'] AS served_name,
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
