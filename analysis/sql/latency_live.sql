-- what: how long live requests took, in bins of 2 % (bin b: 1.02^b to 1.02^(b+1) seconds), by the model that answered
-- grain: one row per served model, input band, whether a single clean call answered, and bucket
-- params: project String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  served_model,
  input_band,
  is_single,                         -- one call, served as planned: its time is the model's
  bucket,
  sumIf(rows_n, is_known) AS n,      -- requests with a known time
  sumIf(rows_n, NOT is_known) AS unknown_n, -- requests without one
  sumIf(stood_for, is_known) AS stands_for, -- requests that those of n stand for
  groupArrayIf(bin, is_known) AS bins,
  groupArrayIf(weight, is_known) AS weights -- requests, weighted
FROM (
  SELECT
    served_model::String AS served_model,
    input_band::String AS input_band,
    contaminated = 0 AND attempts.size0 <= 1 AND outcome_status = 'complete' AS is_single,
    bucket,
    latency_s IS NOT NULL AS is_known,
    toInt32(floor(log(greatest(ifNull(latency_s, 1.), 1e-9)) / log(1.02))) AS bin,
    count() AS rows_n,
    sum(one_in) AS stood_for,
    sum(w) AS weight
  FROM request_sample
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND role = 'live'
    AND outcome_status IN ('complete', 'partial')
    -- part: in_segments
  GROUP BY served_model, input_band, is_single, bucket, is_known, bin
)
GROUP BY served_model, input_band, is_single, bucket
ORDER BY served_model, input_band, is_single, bucket
