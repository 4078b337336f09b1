-- what: signal_rows of a signal that is derived from the log; the rules stand in collector/sql/signal_daily.sql, which this must repeat
-- grain: one row per live model, shadow model, bucket and bin
-- params: project String, policy String, version String, name String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  '' AS segment_value,
  shadow.live_model AS live_model,
  shadow.model AS shadow_model,
  shadow.bucket AS bucket,
  toUInt8(floor(judged.value * 20 + 1e-9)) AS bin,
  count() AS n,
  sum(1 / shadow.sample_rate) AS weight,
  sum(judged.value / shadow.sample_rate) AS score
FROM (
  -- part: compared_requests
) AS shadow
INNER JOIN (
  SELECT
    request_id,
    if(retried, 0., 1.) AS value
  FROM (
    SELECT
      answered.request_id AS request_id,
      answered.day AS day,
      answered.answered_us AS answered_us,
      asked.request_id != '' AND asked.asked_us <= answered.answered_us + 60 * 1000000 AS is_soon,
      is_soon AND asked.is_unknown AS is_unknown,
      is_soon AND abs(toInt64(asked.tokens) - toInt64(answered.tokens)) <= 0.2 * answered.tokens
        AND toInt64(asked.tokens) - toInt64(answered.tokens) < greatest(answered.written, 1) AS retried
    FROM (
      SELECT
        request_id,
        toDate(ts) AS day,
        session_key,
        task::String AS task,
        toUnixTimestamp64Micro(ts) + toInt64(round(assumeNotNull(latency_s) * 1000000)) AS answered_us,
        assumeNotNull(input_tokens) AS tokens,
        assumeNotNull(output_tokens) AS written
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
        AND {name:String} = 'no_user_retry' AND session_key != '' AND latency_s >= 0
        AND outcome_status IN ('complete', 'partial') AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
    ) AS answered
    ASOF LEFT JOIN (
      SELECT
        request_id,
        toDate(ts) AS day,
        session_key,
        task::String AS task,
        toUnixTimestamp64Micro(ts) AS asked_us,
        input_tokens IS NULL AS is_unknown,
        ifNull(input_tokens, 0) AS tokens
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
        AND session_key != ''
    ) AS asked ON answered.day = asked.day AND answered.session_key = asked.session_key AND answered.task = asked.task
      AND asked.asked_us > answered.answered_us
  ) AS seen
  -- part: known_until
  WHERE NOT is_unknown AND answered_us + 60 * 1000000 <= newest_us
  UNION ALL
  SELECT
    request_id,
    if(is_complete OR is_back, 1., 0.) AS value
  FROM (
    SELECT
      answered.request_id AS request_id,
      answered.day AS day,
      answered.is_complete AS is_complete,
      answered.answered_us AS answered_us,
      asked.request_id != '' AND asked.asked_us <= answered.answered_us + 1800 * 1000000 AS is_back
    FROM (
      SELECT
        request_id,
        toDate(ts) AS day,
        session_key,
        outcome_status = 'complete' AS is_complete,
        toUnixTimestamp64Micro(ts) + toInt64(round(assumeNotNull(latency_s) * 1000000)) AS answered_us
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
        AND {name:String} = 'no_abandonment' AND session_key != '' AND latency_s >= 0
        AND outcome_status IN ('complete', 'partial', 'error')
    ) AS answered
    ASOF LEFT JOIN (
      SELECT
        request_id,
        toDate(ts) AS day,
        session_key,
        toUnixTimestamp64Micro(ts) AS asked_us
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
        AND session_key != ''
    ) AS asked ON answered.day = asked.day AND answered.session_key = asked.session_key AND asked.asked_us > answered.answered_us
  ) AS seen
  -- part: known_until
  WHERE answered_us + 1800 * 1000000 <= newest_us
) AS judged ON judged.request_id = shadow.request_id
GROUP BY live_model, shadow_model, bucket, bin
ORDER BY live_model, shadow_model, bucket, bin
