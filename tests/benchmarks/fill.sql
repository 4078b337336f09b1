-- what: requests of a busy service as decision rows: one live, three shadows (a cascade, a bold one, the live policy again)
-- grain: four rows per request number
-- params: project String, start DateTime('UTC'), gap_us Float64 (between two requests), users UInt64, first UInt64, amount UInt64
-- Everything about a request follows from its number, so that a second run writes the same rows.
INSERT INTO decisions (
  project, ts, request_id, role, policy, policy_version, revision, trace_id, span_id, response_id, origin, cluster_key, cluster_kind, bucket, session_key,
  task, user_tier, complexity_band, input_band, labels, status, error_type, model, tier, escalation_model, steps_id, steps,
  candidates, reason, propensity, eval_s, state_mode, live_model, live_tier, live_steps_id, outcome_status, served_model, served_provider,
  contamination, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, latency_s, ttft_s, attempts, escalated, sample_rate, sdk_version)
WITH
  ['gpt-5', 'gpt-5-mini', 'claude-sonnet-4-5', 'llama-70b'] AS models,
  ['large', 'small', 'large', 'medium'] AS tiers
SELECT
  {project:String} AS project,
  at AS ts,
  id AS request_id,
  CAST(plan.1, 'Enum8(\'live\' = 1, \'shadow\' = 2)') AS role,
  plan.2 AS policy,
  plan.3 AS policy_version,
  0 AS revision,
  hex(sipHash128(number, 'trace')) AS trace_id,
  hex(sipHash64(number, plan.2, plan.1, 'span')) AS span_id,
  concat('chatcmpl-', substring(trace_id, 1, 24)) AS response_id,
  'production' AS origin,
  who AS cluster_key,
  kind AS cluster_kind,
  reinterpretAsUInt8(substring(MD5(who), 1, 1)) AS bucket,
  if(kind = 'request', '', session) AS session_key,
  job AS task,
  customer AS user_tier,
  multiIf(tokens_in < 500, 'low', tokens_in < 3000, 'mid', 'high') AS complexity_band,
  multiIf(tokens_in < 1000, 'lt1k', tokens_in < 4000, '1k-4k', tokens_in < 16000, '4k-16k', tokens_in < 128000, '16k-128k', 'gt128k') AS input_band,
  map('team', team) AS labels,
  if(plan.4 = 0, 'error', 'ok') AS status,
  if(plan.4 = 0, 'TimeoutError', '') AS error_type,
  if(plan.4 = 0, '', models[plan.4]) AS model,
  if(plan.4 = 0, '', tiers[plan.4]) AS tier,
  plan.5 AS escalation_model,
  if(plan.4 = 0, '', if(plan.5 = '', model, concat(model, '>', plan.5))) AS steps_id,
  if(plan.4 = 0, '[]', concat('[{"kind":"primary","model":"', model, '"}]')) AS steps,
  concat('[{"model":"', model, '","score":0.9}]') AS candidates,
  concat('task is ', job) AS reason,
  1. AS propensity,
  0.00012 AS eval_s,
  'shared' AS state_mode,
  models[chosen] AS live_model,
  tiers[chosen] AS live_tier,
  models[chosen] AS live_steps_id,
  if(reported, 'complete', 'unreported') AS outcome_status,
  if(reported, models[answered], '') AS served_model,
  if(reported, 'openai', '') AS served_provider,
  if(answered = chosen, [], ['fallback']) AS contamination,
  if(reported, tokens_in, NULL) AS input_tokens,
  if(reported, tokens_cached, 0) AS cache_read_tokens,
  0 AS cache_write_tokens,
  if(reported, tokens_out, NULL) AS output_tokens,
  if(reported, took_s, NULL) AS latency_s,
  if(reported, 0.3, NULL) AS ttft_s,
  if(reported,
    arrayConcat(if(answered = chosen, [], [('primary', 'openai', models[chosen], '503', 0, 0, 0, 0, 0.2)]),
      [(if(answered = chosen, 'primary', 'fallback'), 'openai', models[answered], '', tokens_in, tokens_cached, 0, tokens_out, took_s)]),
    []) AS attempts,
  plan.6 AS escalated,
  1. AS sample_rate,
  'bench' AS sdk_version
FROM (
  WITH
    (n, salt) -> (sipHash64(n, salt) + 0.5) / 18446744073709551616. AS chance,
    (one, other) -> sqrt(-2 * log(one)) * cos(2 * pi() * other) AS normal
  SELECT
    number,
    addMicroseconds(toDateTime64({start:DateTime('UTC')}, 6, 'UTC'), toInt64(number * {gap_us:Float64})) AS at,
    concat(lower(leftPad(hex(toUnixTimestamp64Milli(at)), 12, '0')), '-7', lower(substring(hex(sipHash64(number, 'id')), 1, 15))) AS id,
    -- Few users send much: the number of requests falls with the square root of a user's rank.
    toUInt64({users:UInt64} * pow(chance(number, 'user'), 2)) AS user,
    multiIf(sipHash64(user, 'kind') % 100 < 87, 'user', sipHash64(user, 'kind') % 100 < 97, 'session', 'request') AS kind,
    lower(hex(sipHash64(user, intDiv(toUnixTimestamp(at), 7200), 'session'))) AS session,
    multiIf(kind = 'user', lower(hex(sipHash64(user, 'key'))), kind = 'session', session, id) AS who,
    ['extract', 'classify', 'chat', 'code', 'refund', 'search', 'summary', 'other-work'][1 + toUInt8(8 * pow(chance(number, 'task'), 1.5))] AS job,
    ['free', 'pro', 'enterprise'][1 + toUInt8(3 * pow(chance(user, 'tier'), 1.5))] AS customer,
    ['north', 'south', 'east', 'west'][1 + sipHash64(user, 'team') % 4] AS team,
    toUInt32(least(250000, 20 + exp(6.5 + 1.3 * normal(chance(number, 'in'), chance(number, 'in angle'))))) AS tokens_in,
    toUInt32(tokens_in * if(tokens_in > 1024, 0.5 * chance(number, 'cache'), 0)) AS tokens_cached,
    toUInt32(least(30000, 1 + exp(5.2 + 0.9 * normal(chance(number, 'out'), chance(number, 'out angle')) + 0.4 * normal(chance(user, 'out'), chance(user, 'out angle'))))) AS tokens_out,
    multiIf(job IN ('extract', 'classify') AND tokens_in < 2000, 2, job = 'code', 3, chance(number, 'mix') < 0.05, 4, 1) AS chosen,
    if(chance(number, 'down') < 0.015, if(chosen = 4, 1, 4), chosen) AS answered,
    chance(number, 'lost') >= 0.01 AS reported,
    0.3 + tokens_out / 90 AS took_s,
    job IN ('extract', 'classify', 'chat') AS easy,
    chance(number, 'refused') < 0.15 AS refused,
    if(easy, 2, if(job = 'code', 3, 1)) AS cheap_choice,
    if(chance(number, 'fail') < 0.0004, 0, if(job = 'code' AND tokens_in > 4000, 3, if(tokens_in > 16000, 4, 2))) AS bold_choice
  FROM numbers({first:UInt64}, {amount:UInt64})
)
ARRAY JOIN [
  ('live', 'live-rules', '77a0d2c41b90', chosen, '', CAST(NULL, 'Nullable(UInt8)')),
  ('shadow', 'cheap-first', '9f3c1e0a77b2', cheap_choice, if(easy, 'gpt-5', ''),
    if(easy AND chosen = 2, CAST(refused, 'Nullable(UInt8)'), CAST(NULL, 'Nullable(UInt8)'))),
  ('shadow', 'bold', '41ab07d3e5f6', bold_choice, '', CAST(NULL, 'Nullable(UInt8)')),
  ('shadow', 'live-rules', '77a0d2c41b90', chosen, '', CAST(NULL, 'Nullable(UInt8)'))] AS plan
