-- what: quality signals of one project-day beside what each shadow would have chosen
-- grain: policy, version, marginal segment, pair, contaminated, bucket, signal name and source, bin
-- params: stage Identifier, project String, day Date, labels Array(String)
-- A request's value is the mean over scorers of the newest value of each; a signal may name the request, the response or the span.
INSERT INTO {stage:Identifier} (
  project, day, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket,
  name, source, bin, n, w, sum_value, sum_sq)
SELECT
  {project:String} AS project,
  {day:Date} AS day,
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
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) = {day:Date} AND role = 'shadow' AND status = 'ok'
) AS requests
INNER JOIN (
  SELECT request_id, name, source, avg(assumeNotNull(newest.1)) AS mean_value
  FROM (
    -- Without FINAL: a withdrawal may name another target of the same request than the signal that it withdraws.
    SELECT targets.request_id AS request_id, name, source, scorer, argMax((value, is_deleted), version) AS newest
    FROM signals
    INNER JOIN (
      SELECT request_id, arrayJoin(arrayConcat([request_id, concat('span:', trace_id, span_id)], if(response_id = '', [], [concat('response:', response_id)]))) AS target
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) = {day:Date} AND role = 'live'
    ) AS targets ON signals.target = targets.target
    WHERE signals.project = {project:String}
    GROUP BY request_id, name, source, scorer
  )
  WHERE newest.2 = 0 AND newest.1 IS NOT NULL
  GROUP BY request_id, name, source
) AS judged ON requests.request_id = judged.request_id
ARRAY JOIN segments AS segment
GROUP BY policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket, name, source, bin;
