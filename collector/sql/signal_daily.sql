-- what: quality signals of days of a project beside what each shadow would have chosen
-- grain: day, policy, version, marginal segment, pair, contaminated, bucket, signal name and source, bin
-- params: stage Identifier, project String, days Array(Date), labels Array(String)
-- A request's value is the mean over scorers of the newest value of each; a signal may name the request, the response or the span.
-- Source `derived` is read out of the log itself, for requests of a session whose answer's end is known (ts + latency):
--   no_user_retry   0 if the session's next request of the same task, within 60 s of the answer, has an input within 20 % of this one that
--                   cannot hold the answer (it grew by less than the answer's tokens); else 1. Only where an answer came, with known tokens.
--   no_abandonment  0 if the answer was cut off or failed and the session asks nothing within 30 minutes; else 1.
-- A request whose 60 s or 30 minutes end after the day's newest live request has neither: the value is unknown, because a day depends on its own rows alone.
INSERT INTO {stage:Identifier} (
  project, day, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket,
  name, source, bin, n, w, sum_value, sum_sq)
WITH (
  SELECT (groupArray(day), groupArray(last_us))
  FROM (
    SELECT toDate(ts) AS day, max(toUnixTimestamp64Micro(ts)) AS last_us
    FROM decisions
    WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live'
    GROUP BY day
  )
) AS ends
SELECT
  {project:String} AS project,
  requests.day AS day,
  policy,
  policy_version,
  segment.1 AS segment_key,
  if(segment.2 = '' OR segment IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}), segment.2, 'other') AS segment_value,
  live_model,
  shadow_model,
  contaminated,
  bucket,
  name,
  source,
  toUInt8(floor(mean_value * 20 + 1e-9)) AS bin,
  count() AS n,
  sum(weight) AS w,
  sum(weight * mean_value) AS sum_value,
  sum(weight * mean_value * mean_value) AS sum_sq
FROM (
  SELECT
    toDate(ts) AS day,
    request_id,
    policy,
    policy_version,
    arrayConcat(
      [('all', ''), ('task', task::String), ('user_tier', user_tier::String), ('complexity_band', complexity_band::String), ('input_band', input_band::String)],
      arrayMap(l -> (concat('label:', l), labels[l]), arrayFilter(l -> mapContains(labels, l), {labels:Array(String)}))) AS segments,
    live_model,
    model AS shadow_model,
    notEmpty(contamination) AS contaminated,
    bucket,
    1 / sample_rate AS weight
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'shadow' AND status = 'ok'
) AS requests
INNER JOIN (
  SELECT day, request_id, name, source, avg(assumeNotNull(newest.1)) AS mean_value
  FROM (
    -- Without FINAL: a withdrawal may name another target of the same request than the signal that it withdraws.
    SELECT targets.day AS day, targets.request_id AS request_id, name, source, scorer, argMax((value, is_deleted), version) AS newest
    FROM signals
    INNER JOIN (
      SELECT toDate(ts) AS day, request_id, arrayJoin(arrayConcat([request_id, concat('span:', trace_id, span_id)], if(response_id = '', [], [concat('response:', response_id)]))) AS target
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live'
    ) AS targets ON signals.target = targets.target
    WHERE signals.project = {project:String}
    GROUP BY day, request_id, name, source, scorer
  )
  WHERE newest.2 = 0 AND newest.1 IS NOT NULL
  GROUP BY day, request_id, name, source
  UNION ALL
  SELECT
    answered.day,
    answered.request_id,
    'no_user_retry',
    'derived',
    if(asked.request_id != '' AND asked.asked_us <= answered.answered_us + 60 * 1000000
      AND abs(toInt64(asked.tokens) - toInt64(answered.tokens)) <= 0.2 * answered.tokens
      AND toInt64(asked.tokens) - toInt64(answered.tokens) < greatest(answered.written, 1), 0., 1.)
  FROM (
    SELECT
      toDate(ts) AS day,
      request_id,
      session_key,
      task::String AS task,
      toUnixTimestamp64Micro(ts) + toInt64(round(assumeNotNull(latency_s) * 1000000)) AS answered_us,
      assumeNotNull(input_tokens) AS tokens,
      assumeNotNull(output_tokens) AS written
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND session_key != '' AND latency_s >= 0
      AND outcome_status IN ('complete', 'partial') AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
  ) AS answered
  ASOF LEFT JOIN (
    SELECT toDate(ts) AS day, request_id, session_key, task::String AS task, toUnixTimestamp64Micro(ts) AS asked_us, input_tokens IS NULL AS unknown, ifNull(input_tokens, 0) AS tokens
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND session_key != ''
  ) AS asked ON answered.day = asked.day AND answered.session_key = asked.session_key AND answered.task = asked.task AND asked.asked_us > answered.answered_us
  WHERE answered.answered_us + 60 * 1000000 <= transform(answered.day, ends.1, ends.2, toInt64(0))
    AND NOT (asked.unknown AND asked.asked_us <= answered.answered_us + 60 * 1000000)
  UNION ALL
  SELECT
    answered.day,
    answered.request_id,
    'no_abandonment',
    'derived',
    if(answered.is_complete OR (asked.request_id != '' AND asked.asked_us <= answered.answered_us + 1800 * 1000000), 1., 0.)
  FROM (
    SELECT
      toDate(ts) AS day,
      request_id,
      session_key,
      outcome_status = 'complete' AS is_complete,
      toUnixTimestamp64Micro(ts) + toInt64(round(assumeNotNull(latency_s) * 1000000)) AS answered_us
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND session_key != '' AND latency_s >= 0
      AND outcome_status IN ('complete', 'partial', 'error')
  ) AS answered
  ASOF LEFT JOIN (
    -- Only of sessions in which an answer was cut off or failed: the others need no second look, and this is most of the work.
    SELECT toDate(ts) AS day, request_id, session_key, toUnixTimestamp64Micro(ts) AS asked_us
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND session_key != '' AND session_key IN (
      SELECT session_key FROM decisions WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND outcome_status IN ('partial', 'error'))
  ) AS asked ON answered.day = asked.day AND answered.session_key = asked.session_key AND asked.asked_us > answered.answered_us
  WHERE answered.answered_us + 1800 * 1000000 <= transform(answered.day, ends.1, ends.2, toInt64(0))
) AS judged ON requests.day = judged.day AND requests.request_id = judged.request_id
ARRAY JOIN segments AS segment
GROUP BY day, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket, name, source, bin;
