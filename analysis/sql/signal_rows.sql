-- what: signal_cells for requests that lie in several segments, from the decisions themselves
-- grain: one row per live model, shadow model, bucket and bin
-- params: project String, policy String, version String, name String, source String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
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
  SELECT
    request_id,
    live_model,
    model,
    bucket,
    sample_rate
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND live_model != '' AND model != '' AND empty(contamination)
    AND arrayAll(
      (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
        AND (found = v OR (v = 'other' AND found != ''
          AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
      {segment_keys:Array(String)}, {segment_values:Array(String)},
      arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
        k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)}))
) AS shadow
INNER JOIN (
  SELECT
    request_id,
    avg(assumeNotNull(newest.1)) AS value -- mean over scorers
  FROM (
    -- Without FINAL: a withdrawal may name another target of the same request than the signal that it withdraws.
    SELECT
      named.request_id AS request_id,
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
    ) AS named ON signals.target = named.target
    WHERE signals.project = {project:String} AND signals.name = {name:String} AND signals.source = {source:String}
    GROUP BY request_id, scorer
  )
  WHERE newest.2 = 0 AND newest.1 IS NOT NULL
  GROUP BY request_id
) AS judged ON judged.request_id = shadow.request_id
GROUP BY live_model, shadow_model, bucket, bin
ORDER BY live_model, shadow_model, bucket, bin
