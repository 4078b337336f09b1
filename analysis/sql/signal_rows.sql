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
  -- part: compared_requests
) AS shadow
INNER JOIN (
  -- part: judged_answers
) AS judged ON judged.request_id = shadow.request_id
GROUP BY live_model, shadow_model, bucket, bin
ORDER BY live_model, shadow_model, bucket, bin
