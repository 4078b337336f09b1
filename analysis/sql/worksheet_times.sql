-- what: how long the live requests of each task took, in bins of 2 % (bin b: 1.02^b to 1.02^(b+1) seconds), from the sample
-- grain: one row per task and bucket
-- params: project String, first Date, last Date
SELECT
  task,
  bucket,
  sum(rows_n) AS timed_n,            -- requests of the sample with a known time
  groupArray(bin) AS bins,
  groupArray(weight) AS weights      -- requests, weighted
FROM (
  SELECT
    task::String AS task,
    bucket,
    toInt32(floor(log(greatest(assumeNotNull(latency_s), 1e-9)) / log(1.02))) AS bin,
    count() AS rows_n,
    sum(w) AS weight
  FROM request_sample
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND latency_s IS NOT NULL
  GROUP BY task, bucket, bin
)
GROUP BY task, bucket
ORDER BY task, bucket
