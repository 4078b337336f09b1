-- what: live requests of each task: tokens, refused first answers, and times in bins of 2 %
-- grain: one row per task and bucket
-- params: project String, first Date, last Date
SELECT
  task,
  bucket,
  sum(rows_n) AS n,                  -- requests
  sum(token_n) AS token_n,           -- with known tokens
  sum(input_sum) AS input_tokens,    -- of these
  sum(output_sum) AS output_tokens,
  sum(judged_n) AS judged_n,         -- cascades whose first answer was judged
  sum(refused_n) AS refused_n,       -- of these, refused
  sumIf(rows_n, is_timed) AS timed_n, -- with a known time
  groupArrayIf(bin, is_timed) AS bins,
  groupArrayIf(toFloat64(rows_n), is_timed) AS weights
FROM (
  SELECT
    task::String AS task,
    bucket,
    latency_s IS NOT NULL AS is_timed,
    toInt32(floor(log(greatest(ifNull(latency_s, 1.), 1e-9)) / log(1.02))) AS bin,
    count() AS rows_n,
    countIf(input_tokens IS NOT NULL AND output_tokens IS NOT NULL) AS token_n,
    sumIf(toFloat64(assumeNotNull(input_tokens)), input_tokens IS NOT NULL AND output_tokens IS NOT NULL) AS input_sum,
    sumIf(toFloat64(assumeNotNull(output_tokens)), input_tokens IS NOT NULL AND output_tokens IS NOT NULL) AS output_sum,
    countIf(escalation_model != '' AND escalated IS NOT NULL) AS judged_n,
    countIf(escalation_model != '' AND escalated = 1) AS refused_n
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
  GROUP BY task, bucket, is_timed, bin
)
GROUP BY task, bucket
ORDER BY task, bucket
