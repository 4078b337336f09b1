-- what: cost_sums for requests that lie in several segments, from the decisions themselves
-- grain: one row per bucket
-- params: project String, policy String, version String, book String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
WITH requests AS (
  SELECT
    toDate(ts) AS day,
    bucket,
    model,
    served_model,
    escalation_model,
    escalated,
    attempts,
    1 / sample_rate AS w,
    toFloat64(assumeNotNull(input_tokens)) AS input,
    toFloat64(cache_read_tokens) AS cache_read,
    toFloat64(cache_write_tokens) AS cache_write,
    toFloat64(assumeNotNull(output_tokens)) AS output
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL AND empty(contamination)
    AND arrayAll(
      (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
        AND (found = v OR (v = 'other' AND found != ''
          AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
      {segment_keys:Array(String)}, {segment_values:Array(String)},
      arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
        k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)}))
), lines AS (
  SELECT
    day,
    bucket,
    'live' AS side,
    attempt.kind::String AS kind,
    attempt.model::String AS model,
    attempt.model = served_model AS cache_kept,
    w,
    toFloat64(attempt.input_tokens) AS input,
    toFloat64(attempt.cache_read_tokens) AS cache_read,
    toFloat64(attempt.cache_write_tokens) AS cache_write,
    toFloat64(attempt.output_tokens) AS output
  FROM requests ARRAY JOIN attempts AS attempt
  UNION ALL
  SELECT
    day, bucket, 'shadow' AS side, 'primary' AS kind, requests.model::String AS model, requests.model = served_model AS cache_kept,
    w, input, cache_read, cache_write, output
  FROM requests
  UNION ALL
  SELECT
    day, bucket, 'shadow' AS side, if(escalated = 1, 'escalation', 'escalation_unknown') AS kind,
    escalation_model::String AS model, escalation_model = served_model AS cache_kept, w, input, cache_read, cache_write, output
  FROM requests
  WHERE escalation_model != '' AND (escalated = 1 OR escalated IS NULL)
)
SELECT
  '' AS segment_value,
  bucket,
  countIf(side = 'shadow' AND kind = 'primary') AS n,
  sumIf(w, side = 'shadow' AND kind = 'primary') AS requests,
  sumIf(w * kept_usd, side = 'live') AS live_usd,
  sumIf(w * usd, side = 'shadow' AND kind != 'escalation_unknown') AS shadow_usd,
  sumIf(w * kept_usd, side = 'shadow' AND kind != 'escalation_unknown') AS shadow_warm_usd,
  sumIf(w * usd, kind = 'escalation_unknown') AS unknown_usd,
  sumIf(w * kept_usd, kind = 'escalation_unknown') AS unknown_warm_usd,
  groupUniqArrayIf(model, side = 'live' AND NOT priced) AS live_unpriced,
  groupUniqArrayIf(model, side = 'shadow' AND NOT priced) AS shadow_unpriced
FROM (
  SELECT
    priced_lines.bucket AS bucket,
    priced_lines.side AS side,
    priced_lines.kind AS kind,
    priced_lines.model AS model,
    priced_lines.w AS w,
    prices.model != '' AS priced,
    ((input - cache_read - cache_write) * input_price + cache_read * cache_read_price + cache_write * cache_write_price + output * output_price) / 1e6 AS kept_usd,
    if(side = 'live' OR cache_kept, kept_usd, (input * input_price + output * output_price) / 1e6) AS usd
  FROM (
    SELECT
      day, bucket, side, kind, model, cache_kept, w, input, cache_read, cache_write, output,
      toUInt8((input > 128000) + (input > 200000) + (input > 272000)) AS context_band
    FROM lines
  ) AS priced_lines
  ASOF LEFT JOIN (
    SELECT
      model,
      context_band,
      effective_from,
      input_usd_per_mtok AS input_price,
      cache_read_usd_per_mtok AS cache_read_price,
      cache_write_usd_per_mtok AS cache_write_price,
      output_usd_per_mtok AS output_price
    FROM price_books FINAL
    WHERE book = {book:String}
  ) AS prices ON priced_lines.model = prices.model AND priced_lines.context_band = prices.context_band AND priced_lines.day >= prices.effective_from
)
GROUP BY bucket
ORDER BY bucket
