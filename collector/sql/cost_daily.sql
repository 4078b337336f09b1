-- what: token sums of days of a project, paid live and needed by each shadow, for any price book
-- grain: day, policy, version, marginal segment, pair, contaminated, bucket, side, kind, model, context band, cache kept
-- params: stage Identifier, project String, days Array(Date), labels Array(String)
-- Shadow rows with status ok and known tokens only. Live: a line per attempt. Shadow: the planned primary at the served
-- tokens, and its escalation: where it would happen, may happen, or was seen not to (avoided; for the break-even only).
-- A model that checks a draft reads the draft, too: the served output on top of the input.
INSERT INTO {stage:Identifier} (
  project, day, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket,
  side, kind, model, context_band, cache_kept, n, w, uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens)
SELECT
  {project:String} AS project,
  day,
  policy,
  policy_version,
  segment.1 AS segment_key,
  if(segment.2 = '' OR segment IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}), segment.2, 'other') AS segment_value,
  live_model,
  shadow_model,
  contaminated,
  bucket,
  line.1 AS side,
  line.2 AS kind,
  line.3 AS priced_model,
  toUInt8((line.4 > 128000) + (line.4 > 200000) + (line.4 > 272000)) AS context_band,
  priced_model = served_key AS cache_kept,
  count() AS n,
  sum(weight) AS w,
  sum(weight * (line.4 - line.5 - line.6)) AS uncached_tokens,
  sum(weight * line.5) AS cache_read_tokens,
  sum(weight * line.6) AS cache_write_tokens,
  sum(weight * line.7) AS output_tokens
FROM (
  SELECT
    toDate(ts) AS day,
    policy,
    policy_version,
    arrayConcat(
      [('all', ''), ('task', task::String), ('user_tier', user_tier::String), ('complexity_band', complexity_band::String), ('input_band', input_band::String)],
      arrayMap(l -> (concat('label:', l), labels[l]), arrayFilter(l -> mapContains(labels, l), {labels:Array(String)}))) AS segments,
    live_model,
    model AS shadow_model,
    notEmpty(contamination) AS contaminated,
    bucket,
    served_key::String AS served_key,
    1 / sample_rate AS weight,
    arrayConcat(
      arrayMap((a, key) -> ('live', a.kind::String, key, toFloat64(a.input_tokens), toFloat64(a.cache_read_tokens), toFloat64(a.cache_write_tokens), toFloat64(a.output_tokens)), attempts, attempt_keys),
      arrayMap(s -> ('shadow', s.1, s.2, toFloat64(assumeNotNull(input_tokens) + if(s.3, assumeNotNull(output_tokens), 0)), toFloat64(cache_read_tokens), toFloat64(cache_write_tokens), toFloat64(assumeNotNull(output_tokens))),
        arrayFilter(s -> s.2 != '', [('primary', model_key::String, 0), (multiIf(escalated = 1, 'escalation', escalated IS NULL, 'escalation_unknown', 'escalation_avoided'), escalation_key::String, position(steps, '"verifies":true') > 0)]))) AS lines
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'shadow' AND status = 'ok' AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
)
ARRAY JOIN segments AS segment
ARRAY JOIN lines AS line
GROUP BY day, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket, side, kind, priced_model, context_band, cache_kept;
