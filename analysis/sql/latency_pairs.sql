-- what: how long live took on a shadow's requests, in bins of 2 %, by the models the shadow would have called instead
-- grain: one row per first model (empty = the request's own time holds), escalation model, whether it happens, input band, bucket
-- params: project String, policy String, version String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  first_model,
  second_model,
  escalates,                         -- no, yes, unknown
  band AS input_band,                -- empty where nothing is looked up
  bucket,
  sumIf(rows_n, is_usable) AS n,
  sumIf(weight_sum, is_usable) AS requests, -- weighted
  sumIf(weight_sum, NOT is_usable) AS left_out, -- contaminated, failed live calls, or no known time; weighted
  groupArrayIf(bin, is_usable) AS bins,
  groupArrayIf(weight_sum, is_usable) AS weights
FROM (
  SELECT
    same_plan AS is_same_plan,
    contaminated = 0 AND outcome_status = 'complete' AND latency_s IS NOT NULL AS is_usable,
    if(NOT is_usable OR is_same_plan OR (model = served_model AND attempts.size0 <= 1), '', model::String) AS first_model,
    multiIf(NOT is_usable OR is_same_plan OR escalation_model = '', 'no', escalated IS NULL, 'unknown', escalated = 1, 'yes', 'no') AS escalates,
    if(escalates = 'no', '', escalation_model::String) AS second_model,
    if(first_model = '' AND escalates = 'no', '', input_band::String) AS band,
    bucket,
    if(is_usable, toInt32(floor(log(greatest(ifNull(latency_s, 1.), 1e-9)) / log(1.02))), 0) AS bin,
    count() AS rows_n,
    sum(w) AS weight_sum
  FROM request_sample
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND live_model != ''
    -- part: in_segments
  GROUP BY is_same_plan, is_usable, first_model, escalates, second_model, band, bucket, bin
)
GROUP BY first_model, second_model, escalates, input_band, bucket
ORDER BY first_model, second_model, escalates, input_band, bucket
