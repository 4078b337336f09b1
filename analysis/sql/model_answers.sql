-- what: answers of models alone on requests on which a shadow policy decided, whether or not it names that model
-- grain: one row per sample, request, model, signal and scorer; contaminated requests are left out
-- params: project String, policy String, version String, first Date, last Date, signal String, segment_keys Array(String), segment_values Array(String)
SELECT
  run.`sample` AS `sample`,
  run.request_id AS request_id,
  run.model AS model,
  run.inclusion_probability AS inclusion_probability,
  run.score AS score,                -- in [0,1]
  run.live_score AS live_score,      -- of the answer that live served; NULL = not scored
  run.cost_usd AS cost_usd,          -- USD; NULL = unknown
  run.input_tokens AS input_tokens,
  run.output_tokens AS output_tokens,
  toDate(shadow.ts) AS day,
  shadow.bucket AS bucket,
  1 / shadow.sample_rate AS weight,
  shadow.model AS shadow_model,
  shadow.escalation_model AS escalation_model,
  shadow.live_model AS live_model,
  shadow.confidence AS confidence,
  shadow.attempt_keys AS attempt_models,
  shadow.attempts.input_tokens AS attempt_input_tokens,
  shadow.attempts.cache_read_tokens AS attempt_cache_read_tokens,
  shadow.attempts.cache_write_tokens AS attempt_cache_write_tokens,
  shadow.attempts.output_tokens AS attempt_output_tokens,
  run.model_key AS price_key         -- model of the price book for the answer
FROM (
  SELECT
    `sample`, request_id, model, model_key, inclusion_probability, score, live_score, cost_usd, input_tokens, output_tokens, scorer
  FROM named_executions AS executions
  WHERE project = {project:String} AND policy = '' AND executions.status = 'ok' AND signal = {signal:String} AND score IS NOT NULL
) AS run
INNER JOIN (
  SELECT
    request_id, ts, bucket, sample_rate, model, escalation_model, live_model, confidence, attempts, attempt_keys
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND request_id IN (SELECT request_id FROM executions WHERE project = {project:String})
    AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND live_model != '' AND empty(contamination)
    -- part: in_segments
) AS shadow ON shadow.request_id = run.request_id
ORDER BY `sample`, request_id, model, scorer
