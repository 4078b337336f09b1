-- what: answers with a score of a signal, to learn from: those that live served, and those that were run on purpose by one model alone
-- grain: one row per request and model that answered it; contaminated requests are left out
-- params: project String, name String, first Date, last Date
WITH live AS (
  SELECT
    request_id, toDate(ts) AS day, cluster_key, task::String AS task, user_tier::String AS user_tier,
    complexity_band::String AS complexity_band, input_band::String AS input_band, served_model::String AS served_model, served_key::String AS served_key, outcome_status,
    trace_id, span_id, response_id, propensity, sample_rate, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND empty(contamination)
), judged AS (
  SELECT
    request_id,
    avg(assumeNotNull(newest.1)) AS value -- mean over sources and scorers
  FROM (
    SELECT
      named.request_id AS request_id,
      source,
      scorer,
      argMax((signals.value, is_deleted), version) AS newest
    FROM signals
    INNER JOIN (
      SELECT
        request_id,
        arrayJoin(arrayConcat([request_id, concat('span:', trace_id, span_id)],
          if(response_id = '', [], [concat('response:', response_id)]))) AS target
      FROM live
    ) AS named ON signals.target = named.target
    WHERE signals.project = {project:String} AND signals.name = {name:String}
    GROUP BY request_id, source, scorer
  )
  WHERE newest.2 = 0 AND newest.1 IS NOT NULL
  GROUP BY request_id
), run AS (
  SELECT
    request_id,
    model,
    avg(assumeNotNull(score)) AS value,                        -- mean over samples and scorers
    max(inclusion_probability) AS inclusion_probability,
    any(model_key)::String AS model_key,
    any(input_tokens) AS input_tokens,
    any(output_tokens) AS output_tokens
  FROM named_executions AS executions
  WHERE project = {project:String} AND signal = {name:String} AND policy = '' AND status = 'ok' AND score IS NOT NULL
  GROUP BY request_id, model
)
SELECT
  request_id, day, cluster_key, task, user_tier, complexity_band, input_band, model, price_key, score, weight, propensity, input_tokens, output_tokens,
  cache_read_tokens, cache_write_tokens, is_executed
FROM (
  SELECT
    live.request_id AS request_id,
    live.day AS day,                             -- UTC day of the live decision
    live.cluster_key AS cluster_key,
    live.task AS task,
    live.user_tier AS user_tier,
    live.complexity_band AS complexity_band,
    live.input_band AS input_band,
    live.served_model AS model,                  -- whose answer it is
    live.served_key AS price_key,                -- model of the price book whose price holds
    judged.value AS score,                       -- in [0,1]
    1 / live.sample_rate / ifNull(nullIf(live.propensity, 0.), 1.) AS weight, -- requests that it stands for
    live.propensity AS propensity,               -- NULL = unknown
    live.input_tokens AS input_tokens,           -- tokens; NULL = unknown
    live.output_tokens AS output_tokens,
    live.cache_read_tokens AS cache_read_tokens,
    live.cache_write_tokens AS cache_write_tokens,
    0 AS is_executed
  FROM live
  INNER JOIN judged ON judged.request_id = live.request_id
  WHERE live.outcome_status = 'complete' AND live.served_model != ''
  UNION ALL
  SELECT
    live.request_id AS request_id,
    live.day AS day,
    live.cluster_key AS cluster_key,
    live.task AS task,
    live.user_tier AS user_tier,
    live.complexity_band AS complexity_band,
    live.input_band AS input_band,
    run.model AS model,
    run.model_key AS price_key,
    run.value AS score,
    1 / live.sample_rate / run.inclusion_probability AS weight,
    toNullable(run.inclusion_probability) AS propensity,
    run.input_tokens AS input_tokens,
    run.output_tokens AS output_tokens,
    0 AS cache_read_tokens,
    0 AS cache_write_tokens,
    1 AS is_executed
  FROM live
  INNER JOIN run ON run.request_id = live.request_id
)
ORDER BY request_id, model, is_executed
