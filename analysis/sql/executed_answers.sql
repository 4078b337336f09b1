-- what: answers that were run on purpose for requests on which a shadow policy decided, with the request beside each
-- grain: one row per sample, request, policy it was run for, model, signal and scorer; contaminated requests are left out
-- params: project String, policy String, version String, first Date, last Date, segment_key String, segment_keys Array(String), segment_values Array(String)
WITH run AS (
  SELECT
    `sample`, request_id, policy, model, model_key, inclusion_probability, stratum, executions.status AS status, signal, scorer, score, live_score,
    cost_usd, input_tokens, output_tokens, escalated, latency_s
  FROM named_executions AS executions
  WHERE project = {project:String}
    AND (policy = '' OR (policy = {policy:String} AND policy_version IN ('', {version:String})))
), shadow AS (
  SELECT
    request_id, toDate(ts) AS day, bucket, cluster_key, decisions.sample_rate AS sample_rate, model, escalation_model, escalated,
    live_model, model_key, escalation_key, steps_id != '' AND steps_id = live_steps_id AS same_plan, served_model, attempts, attempt_keys, input_tokens, cache_read_tokens,
    cache_write_tokens, output_tokens, latency_s, task, user_tier, complexity_band, input_band,
    multiIf({segment_key:String} = 'task', task::String, {segment_key:String} = 'user_tier', user_tier::String,
      {segment_key:String} = 'complexity_band', complexity_band::String, {segment_key:String} = 'input_band', input_band::String,
      {segment_key:String} = 'all', '', labels[substring({segment_key:String}, 7)]) AS found
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND request_id IN (SELECT request_id FROM run)
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND decisions.status = 'ok' AND live_model != '' AND empty(contamination)
    AND (NOT startsWith({segment_key:String}, 'label:') OR mapContains(labels, substring({segment_key:String}, 7)))
    -- part: in_segments
), judged AS (
  SELECT
    request_id,
    signal_name,
    avg(assumeNotNull(newest.1)) AS value -- mean over sources and scorers
  FROM (
    SELECT
      named.request_id AS request_id,
      signals.name AS signal_name,
      source,
      scorer,
      argMax((signals.value, is_deleted), version) AS newest
    FROM signals
    INNER JOIN (
      SELECT
        request_id,
        arrayJoin(arrayConcat([request_id, concat('span:', trace_id, span_id)],
          if(response_id = '', [], [concat('response:', response_id)]))) AS target
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
        AND request_id IN (SELECT request_id FROM run)
    ) AS named ON signals.target = named.target
    WHERE signals.project = {project:String} AND signals.name IN (SELECT signal FROM run WHERE live_score IS NULL)
    GROUP BY request_id, signal_name, source, scorer
  )
  WHERE newest.2 = 0 AND newest.1 IS NOT NULL
  GROUP BY request_id, signal_name
)
SELECT
  run.`sample` AS `sample`,
  run.request_id AS request_id,
  run.policy != '' AS is_whole_plan,
  run.model AS model,                          -- whose answer it is
  run.inclusion_probability AS inclusion_probability,
  run.stratum AS stratum,
  run.status AS status,                        -- ok or error
  run.signal AS signal,
  run.scorer AS scorer,
  run.score AS score,                          -- in [0,1]; NULL = not scored
  if(run.live_score IS NULL AND run.signal != '' AND judged.request_id != '', toNullable(judged.value), run.live_score) AS live_score,
  run.cost_usd AS cost_usd,                    -- USD of the whole plan; NULL = unknown
  run.input_tokens AS input_tokens,            -- tokens of the first step; NULL = unknown
  run.output_tokens AS output_tokens,
  run.escalated AS escalated,
  run.latency_s AS latency_s,                  -- seconds of the whole plan
  shadow.day AS day,                           -- UTC day of the live decision
  shadow.bucket AS bucket,
  shadow.cluster_key AS cluster_key,
  1 / shadow.sample_rate AS weight,
  shadow.live_model AS live_model,
  shadow.model AS shadow_model,
  shadow.escalation_model AS escalation_model,
  shadow.same_plan AS same_plan,
  shadow.escalated AS seen_escalated,          -- what the live answer showed; NULL = unknown
  shadow.served_model AS served_model,
  shadow.input_tokens AS live_input_tokens,    -- tokens; NULL = unknown
  shadow.cache_read_tokens AS live_cache_read_tokens,
  shadow.cache_write_tokens AS live_cache_write_tokens,
  shadow.output_tokens AS live_output_tokens,
  shadow.latency_s AS live_latency_s,          -- seconds
  shadow.attempt_keys AS attempt_models,
  shadow.attempts.input_tokens AS attempt_input_tokens,
  shadow.attempts.cache_read_tokens AS attempt_cache_read_tokens,
  shadow.attempts.cache_write_tokens AS attempt_cache_write_tokens,
  shadow.attempts.output_tokens AS attempt_output_tokens,
  shadow.task AS task,
  shadow.user_tier AS user_tier,
  shadow.complexity_band AS complexity_band,
  shadow.input_band AS input_band,
  if(shadow.found = '' OR ({segment_key:String}, shadow.found) IN
    (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}), shadow.found, 'other') AS segment_value,
  run.model_key AS price_key,                  -- model of the price book for the answer; the next two for the plan
  shadow.model_key AS shadow_key,
  shadow.escalation_key AS escalation_key
FROM run
INNER JOIN shadow ON shadow.request_id = run.request_id
LEFT JOIN judged ON judged.request_id = run.request_id AND judged.signal_name = run.signal
WHERE run.policy != '' OR (run.model = shadow.model AND shadow.escalation_model = '')
ORDER BY `sample`, request_id, is_whole_plan DESC, model, signal, scorer
