-- what: cost_cube for requests that lie in several segments, from the decisions themselves
-- grain: one row per pair of planned models, side, kind, priced model and contaminated; arrays run over the non-empty buckets
-- params: project String, policy String, version String, book String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
WITH requests AS (
  SELECT
    toDate(ts) AS day,
    bucket,
    live_model::String AS live_model,
    model::String AS shadow_model,
    model_key::String AS model_key,
    served_key::String AS served_key,
    escalation_key::String AS escalation_key,
    escalated,
    position(steps, '"verifies":true') > 0 AS verifies,
    notEmpty(contamination) AS contaminated,
    attempts,
    attempt_keys,
    1 / sample_rate AS w,
    toFloat64(assumeNotNull(input_tokens)) AS input,
    toFloat64(cache_read_tokens) AS cache_read,
    toFloat64(cache_write_tokens) AS cache_write,
    toFloat64(assumeNotNull(output_tokens)) AS output
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
    -- part: in_segments
), every_line AS (
  SELECT
    day,
    bucket,
    live_model,
    shadow_model,
    contaminated,
    'live' AS side,
    attempt.kind::String AS kind,
    attempt_key::String AS model,
    1 AS cache_kept,
    w,
    toFloat64(attempt.input_tokens) AS input,
    toFloat64(attempt.cache_read_tokens) AS cache_read,
    toFloat64(attempt.cache_write_tokens) AS cache_write,
    toFloat64(attempt.output_tokens) AS output
  FROM requests ARRAY JOIN attempts AS attempt, attempt_keys AS attempt_key
  UNION ALL
  SELECT
    day, bucket, live_model, shadow_model, contaminated, 'shadow' AS side, 'primary' AS kind, model_key AS model,
    model_key = served_key AS cache_kept, w, input, cache_read, cache_write, output
  FROM requests
  UNION ALL
  SELECT
    day, bucket, live_model, shadow_model, contaminated, 'shadow' AS side, multiIf(escalated = 1, 'escalation', escalated IS NULL, 'escalation_unknown', 'escalation_avoided') AS kind,
    escalation_key AS model, escalation_key = served_key AS cache_kept, w, input + if(verifies, output, 0) AS input, cache_read, cache_write, output
  FROM requests
  WHERE escalation_key != ''
)
SELECT
  '' AS segment_value,
  live_model,
  shadow_model,
  side,
  kind,
  model,
  contaminated,
  sum(n) AS n,
  sum(unpriced_n) AS unpriced_n,
  groupArray(bucket) AS buckets,
  groupArray(w) AS weight,
  groupArray(input_usd) AS input_usd,
  groupArray(cache_usd) AS cache_usd,
  groupArray(cold_usd) AS cold_usd,
  groupArray(output_usd) AS output_usd
FROM (
  SELECT
    lines.live_model AS live_model,
    lines.shadow_model AS shadow_model,
    lines.side AS side,
    lines.kind AS kind,
    lines.model AS model,
    lines.contaminated AS contaminated,
    lines.bucket AS bucket,
    count() AS n,
    countIf(prices.model = '') AS unpriced_n,
    sum(lines.w) AS w,
    sum(lines.w * (input - cache_read - cache_write) * input_price) / 1e6 AS input_usd,
    sum(lines.w * (cache_read * cache_read_price + cache_write * cache_write_price)) / 1e6 AS cache_usd,
    sum(lines.w * if(cache_kept, cache_read * cache_read_price + cache_write * cache_write_price, (cache_read + cache_write) * input_price)) / 1e6 AS cold_usd,
    sum(lines.w * output * output_price) / 1e6 AS output_usd
  FROM (
    SELECT
      day, bucket, live_model, shadow_model, contaminated, side, kind, model, cache_kept, w, input, cache_read, cache_write, output,
      toUInt8((input > 128000) + (input > 200000) + (input > 272000)) AS context_band
    FROM every_line
  ) AS lines
  -- part: book_prices
  GROUP BY live_model, shadow_model, side, kind, model, contaminated, bucket
)
GROUP BY live_model, shadow_model, side, kind, model, contaminated
ORDER BY live_model, shadow_model, side, kind, model, contaminated
