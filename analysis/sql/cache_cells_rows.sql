-- what: cache_cells for requests that lie in several segments, from the decisions themselves
-- grain: one row per task, pair of planned models, kind, model, contaminated and state; arrays run over the non-empty buckets
-- params: project String, policy String, version String, book String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
-- The same rules as collector/sql/cache_daily.sql, which says why; sessions are told over all of their turns, then the slice is taken.
WITH calls AS (
  SELECT
    ts,
    request_id,
    bucket,
    decisions.live_model::String AS live_model,
    model::String AS shadow_model,
    served_key::String AS served_model,
    notEmpty(contamination) AS contaminated,
    1 / sample_rate AS w,
    task, user_tier, complexity_band, input_band, labels,
    toUnixTimestamp64Micro(ts) AS us,
    if(sample_rate < 1, '', session_key) AS session,
    toUInt64(assumeNotNull(input_tokens)) AS tokens,
    cache_read_tokens AS served_read,
    cache_write_tokens AS served_written,
    arrayFilter(p -> p.2 > 0, arrayMap((a, key) -> (
      key, toUInt64(a.input_tokens), toUInt64(a.cache_read_tokens), toUInt64(a.cache_write_tokens)), attempts, attempt_keys)) AS paid,
    arrayFilter(p -> p.1 != '', [
      (model_key::String, 'primary', 1, toUInt64(0)),
      (escalation_key::String, multiIf(escalated = 1, 'escalation', escalated IS NULL, 'escalation_unknown', 'escalation_avoided'),
        ifNull(escalated, 0), if(position(steps, '"verifies":true') > 0, toUInt64(assumeNotNull(output_tokens)), 0))]) AS planned,
    arrayJoin(arrayDistinct(arrayConcat(paid.1, planned.1))) AS called,
    arrayLast(p -> p.1 = called, paid) AS bill,
    bill.1 != '' AS is_paid,
    arrayExists(p -> p.1 = called AND p.3, planned) AS is_sent
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} - 1 AND {last:Date} AND ts >= toDateTime64({first:Date}, 6, 'UTC') - INTERVAL 1 HOUR
    AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND status = 'ok' AND input_tokens IS NOT NULL AND output_tokens IS NOT NULL
), late AS (
  SELECT session, toDate(ts) + 1 AS day, min((us, tokens)) AS opened
  FROM calls
  WHERE session != '' AND toHour(ts) = 23
  GROUP BY session, day
), told AS (
  SELECT
    ts, request_id, bucket, live_model, shadow_model, served_model, contaminated, w, task, user_tier, complexity_band, input_band, labels, us, session,
    tokens, served_read, served_written, planned, called, bill, is_paid,
    toUnixTimestamp64Micro(toDateTime64(toDate(ts), 6, 'UTC') - INTERVAL 1 HOUR) AS oldest_us,
    min((us, tokens)) OVER whole_day AS first_turn,
    maxIf((us, tokens), is_sent) OVER earlier AS sent_before,
    maxIf((us, tokens), is_paid) OVER earlier AS live_before
  FROM calls
  WINDOW whole_day AS (PARTITION BY if(session = '', request_id, session), toDate(ts)),
    earlier AS (PARTITION BY if(session = '', request_id, session), called ORDER BY us, request_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), stood AS (
  SELECT
    ts, request_id, bucket, live_model, shadow_model, served_model, contaminated, w, task, user_tier, complexity_band, input_band, labels, us,
    told.session AS session, tokens, served_read, served_written, planned, called, bill, is_paid,
    if(late.opened.1 > 0, late.opened.2, first_turn.2) AS first_tokens,
    if(sent_before.1 < oldest_us, (toInt64(0), toUInt64(0)), sent_before) AS before,
    if(live_before.1 < oldest_us, 0, live_before.1) AS live_us,
    multiIf(match(called, 'opus-4[-.][56]|haiku-4'), 4096, position(called, 'haiku') > 0, 2048, position(called, 'deepseek') > 0, 64, 1024) AS least_tokens,
    multiIf(
      is_paid AND (session = '' OR before.1 = live_us), 'logged',
      tokens < least_tokens, 'short',
      session = '', 'untold',
      before.1 = 0 OR before.2 < least_tokens, 'first',
      us - before.1 <= 60 * 1000000, 'minute',
      us - before.1 <= 300 * 1000000, 'five_minutes',
      us - before.1 <= 3600 * 1000000, 'hour',
      'later') AS state
  FROM told
  LEFT JOIN late ON late.session = told.session AND late.day = toDate(told.ts)
  WHERE toDate(ts) >= {first:Date}
    -- part: in_segments
)
SELECT
  segment_value,
  live_model,
  shadow_model,
  kind,
  model,
  contaminated,
  state,
  groupArray(bucket) AS buckets,
  groupArray(tokens) AS tokens,
  groupArray(prompt_read_usd) AS prompt_read_usd,
  groupArray(start_read_usd) AS start_read_usd,
  groupArray(reach_read_usd) AS reach_read_usd,
  groupArray(prompt_write_usd) AS prompt_write_usd,
  groupArray(start_write_usd) AS start_write_usd,
  groupArray(reach_write_usd) AS reach_write_usd,
  groupArray(known_usd) AS known_usd
FROM (
  SELECT
    lines.segment_value AS segment_value,
    lines.live_model AS live_model,
    lines.shadow_model AS shadow_model,
    lines.kind AS kind,
    lines.model AS model,
    lines.contaminated AS contaminated,
    lines.state AS state,
    lines.bucket AS bucket,
    sum(lines.w * input) AS tokens,
    sum(lines.w * input * (input_price - cache_read_price)) / 1e6 AS prompt_read_usd,
    sum(lines.w * start * (input_price - cache_read_price)) / 1e6 AS start_read_usd,
    sum(lines.w * reach * (input_price - cache_read_price)) / 1e6 AS reach_read_usd,
    sum(lines.w * input * (cache_write_price - input_price)) / 1e6 AS prompt_write_usd,
    sum(lines.w * start * (cache_write_price - input_price)) / 1e6 AS start_write_usd,
    sum(lines.w * reach * (cache_write_price - input_price)) / 1e6 AS reach_write_usd,
    sum(lines.w * ((read - kept_read) * (cache_read_price - input_price) + (written - kept_written) * (cache_write_price - input_price))) / 1e6 AS known_usd
  FROM (
    SELECT
      toDate(ts) AS day,
      task::String AS segment_value,
      live_model,
      shadow_model,
      contaminated,
      bucket,
      w,
      state,
      plan.2 AS kind,
      called AS model,
      toFloat64(tokens + plan.4) AS input,
      if(state IN ('minute', 'five_minutes', 'hour', 'later'), toFloat64(least(before.2, tokens)), 0.) AS reach,
      if(state IN ('first', 'minute', 'five_minutes', 'hour', 'later'), toFloat64(least(first_tokens, tokens)), 0.) AS start,
      if(state = 'logged', toFloat64(bill.3), 0.) AS read,
      if(state = 'logged', toFloat64(bill.4), 0.) AS written,
      if(called = served_model, toFloat64(served_read), 0.) AS kept_read,
      if(called = served_model, toFloat64(served_written), 0.) AS kept_written,
      toUInt8((input > 128000) + (input > 200000) + (input > 272000)) AS context_band
    FROM stood
    ARRAY JOIN arrayFilter(p -> p.1 = called, planned) AS plan
  ) AS lines
  -- part: book_prices
  GROUP BY segment_value, live_model, shadow_model, kind, model, contaminated, state, bucket
)
GROUP BY segment_value, live_model, shadow_model, kind, model, contaminated, state
ORDER BY segment_value, live_model, shadow_model, kind, model, contaminated, state
