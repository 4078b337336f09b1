-- what: signal_sums and signal_bins at once, for requests that lie in several segments, from the decisions themselves
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
      (k, v) -> if(startsWith(k, 'label:') AND NOT mapContains(labels, substring(k, 7)), 0,
        multiIf(k = 'task', task, k = 'user_tier', user_tier, k = 'complexity_band', complexity_band,
          k = 'input_band', input_band, labels[substring(k, 7)]) = v),
      {segment_keys:Array(String)}, {segment_values:Array(String)})
) AS shadow
INNER JOIN (
  SELECT
    request_id,
    avg(newest) AS value             -- mean over scorers
  FROM (
    SELECT
      named.request_id AS request_id,
      given.scorer AS scorer,
      assumeNotNull(argMax(given.value, given.version)) AS newest
    FROM (
      SELECT
        target,
        scorer,
        value,
        version
      FROM signals FINAL
      WHERE project = {project:String} AND signals.name = {name:String} AND signals.source = {source:String} AND value IS NOT NULL
    ) AS given
    INNER JOIN (
      SELECT
        request_id,
        arrayJoin([request_id, 'response:' || response_id, 'span:' || trace_id || span_id]) AS target
      FROM decisions FINAL
      WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
    ) AS named ON named.target = given.target
    GROUP BY request_id, scorer
  )
  GROUP BY request_id
) AS judged ON judged.request_id = shadow.request_id
GROUP BY live_model, shadow_model, bucket, bin
ORDER BY live_model, shadow_model, bucket, bin
