-- what: where the calls of days of a project stand in the prompt caches of their models: paid by live, and planned by each shadow
-- grain: day, role, policy, version, marginal segment, pair, contaminated, bucket, kind, model, context band, state
-- params: stage Identifier, project String, days Array(Date), labels Array(String)
-- Per policy, session and model: when it was called last, and with how many tokens. A policy's own calls fill its caches, so live's last call and
-- the shadow's may be two different turns. Each day looks back on the last hour of the day before, by itself; what was earlier
-- counts as never called, also where the days are summed together.
-- Models are keys of the price book, so that names of snapshots do not part a model from itself.
-- Sampled rows lack turns of their sessions, so they tell no session. A row without any call is kept with an empty kind: every summed day has rows.
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket,
  kind, model, context_band, state, n, w, input_tokens, reach_tokens, start_tokens, read_tokens, write_tokens, kept_read_tokens, kept_write_tokens)
SELECT
  {project:String} AS project,
  day,
  role,
  policy,
  policy_version,
  segment.1 AS segment_key,
  if(segment.2 = '' OR segment IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}), segment.2, 'other') AS segment_value,
  live_model,
  shadow_model,
  contaminated,
  bucket,
  line.1 AS kind,
  called AS model,
  toUInt8((line.2 > 128000) + (line.2 > 200000) + (line.2 > 272000)) AS context_band,
  state,
  count() AS n,
  sum(weight) AS w,
  sum(weight * line.2) AS input_tokens,
  sum(weight * if(state IN ('minute', 'five_minutes', 'hour', 'later'), least(before.2, tokens), 0)) AS reach_tokens,
  sum(weight * if(state IN ('first', 'minute', 'five_minutes', 'hour', 'later'), least(first_tokens, tokens), 0)) AS start_tokens,
  sum(weight * if(role = 'live' OR state = 'logged', read, 0)) AS read_tokens,
  sum(weight * if(role = 'live' OR state = 'logged', written, 0)) AS write_tokens,
  sum(weight * if(called = served_model, served_read, 0)) AS kept_read_tokens,
  sum(weight * if(called = served_model, served_written, 0)) AS kept_write_tokens
FROM (
  SELECT
    *,
    if(role = 'live', live_before, shadow_before) AS before,
    -- Least prompt that the provider caches. In doubt the lower one: what it never reads lowers the rate that live's turns show.
    multiIf(match(called, 'opus-4[-.][56]|haiku-4'), 4096, position(called, 'haiku') > 0, 2048, position(called, 'deepseek') > 0, 64, 1024) AS least_tokens,
    multiIf(
      called = '', 'untold',
      role = 'shadow' AND is_paid AND (session = '' OR shadow_before.1 = live_before.1), 'logged',
      tokens < least_tokens, 'short',
      session = '', 'untold',
      before.1 = 0 OR before.2 < least_tokens, 'first',
      us - before.1 <= 60 * 1000000, 'minute',
      us - before.1 <= 300 * 1000000, 'five_minutes',
      us - before.1 <= 3600 * 1000000, 'hour',
      'later') AS state
  FROM (
    SELECT
      *,
      maxIf((us, tokens), is_sent) OVER earlier AS shadow_before,
      maxIf((us, tokens), is_paid) OVER earlier AS live_before
    FROM (
      SELECT
        role,
        policy,
        policy_version,
        day,
        request_id,
        us,
        session,
        segments,
        live_model,
        shadow_model,
        contaminated,
        bucket,
        weight,
        served_model,
        served_read,
        served_written,
        minIf((us, sent_tokens), sent_tokens > 0) OVER whole_session AS first_turn,
        first_turn.2 AS first_tokens,
        called,
        arrayLast(p -> p.1 = called, paid) AS bill,
        bill.1 != '' AS is_paid,
        arrayExists(p -> p.1 = called AND p.3, planned) AS is_sent,
        if(is_paid AND role = 'live', bill.2, sent_tokens) AS tokens,
        bill.3 AS read,
        bill.4 AS written,
        if(role = 'live', [(if(is_paid, 'paid', ''), toFloat64(tokens))],
          if(called = '', [('', 0.)], arrayMap(p -> (p.2, toFloat64(tokens + p.4)), arrayFilter(p -> p.1 = called, planned)))) AS lines
      FROM (
        SELECT
          role,
          if(role = 'live', '', policy::String) AS policy,
          if(role = 'live', '', policy_version::String) AS policy_version,
          request_id,
          toUnixTimestamp64Micro(ts) AS us,
          arrayFilter(d -> toDate(ts) BETWEEN d - 1 AND d AND ts >= toDateTime64(d, 6, 'UTC') - INTERVAL 1 HOUR, {days:Array(Date)}) AS seen_by,
          if(sample_rate < 1, '', session_key) AS session,
          if(role = 'live', [('task', task::String)], arrayConcat(
            [('task', task::String), ('user_tier', user_tier::String), ('complexity_band', complexity_band::String), ('input_band', input_band::String)],
            arrayMap(l -> (concat('label:', l), labels[l]), arrayFilter(l -> mapContains(labels, l), {labels:Array(String)})))) AS segments,
          if(role = 'live', '', decisions.live_model::String) AS live_model,
          if(role = 'live', '', model::String) AS shadow_model,
          role = 'shadow' AND notEmpty(contamination) AS contaminated,
          bucket,
          1 / sample_rate AS weight,
          if(role = 'live', '', served_key::String) AS served_model,
          cache_read_tokens AS served_read,
          cache_write_tokens AS served_written,
          toUInt64(ifNull(input_tokens, 0)) AS sent_tokens,
          role = 'live' OR (status = 'ok' AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL) AS is_told,
          arrayFilter(p -> is_told AND p.2 > 0, arrayMap((a, key) -> (
            key, toUInt64(a.input_tokens), toUInt64(a.cache_read_tokens), toUInt64(a.cache_write_tokens)), attempts, attempt_keys)) AS paid,
          arrayFilter(p -> role = 'shadow' AND is_told AND p.1 != '', [
            (model_key::String, 'primary', 1, toUInt64(0)),
            (escalation_key::String, multiIf(escalated = 1, 'escalation', escalated IS NULL, 'escalation_unknown', 'escalation_avoided'),
              ifNull(escalated, 0), if(position(steps, '"verifies":true') > 0, toUInt64(ifNull(output_tokens, 0)), 0))]) AS planned,
          arrayDistinct(arrayConcat(paid.1, planned.1)) AS models
        FROM named_decisions AS decisions
        WHERE project = {project:String} AND toDate(ts) BETWEEN arrayMin({days:Array(Date)}) - 1 AND arrayMax({days:Array(Date)}) AND notEmpty(seen_by)
      )
      ARRAY JOIN seen_by AS day
      ARRAY JOIN if(empty(models), [''], models) AS called
      WINDOW whole_session AS (PARTITION BY day, role, policy, policy_version, if(session = '', request_id, session))
    )
    WINDOW earlier AS (
      PARTITION BY day, role, policy, policy_version, if(session = '', request_id, session), called
      ORDER BY us, request_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
  )
  WHERE us >= toUnixTimestamp64Micro(toDateTime64(day, 6, 'UTC'))
)
ARRAY JOIN segments AS segment
ARRAY JOIN lines AS line
GROUP BY day, role, policy, policy_version, segment_key, segment_value, live_model, shadow_model, contaminated, bucket, kind, model, context_band, state;
