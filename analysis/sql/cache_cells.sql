-- what: what the prompt caches of one shadow policy could save, by the time since the session's last call of the model
-- grain: one row per segment value, pair of planned models, kind, model, contaminated and state; arrays run over the non-empty buckets
-- params: project String, policy String, version String, book String, first Date, last Date, segment_key String, segment_value String, every_value Bool
SELECT
  segment_value,
  live_model,
  shadow_model,
  kind,
  model,
  contaminated,
  state,
  groupArray(bucket) AS buckets,
  groupArray(tokens) AS tokens,                    -- of the prompts
  -- What reading instead of paying for input saves, and what writing adds to it: of the whole prompt, of what the session's
  -- first turn may share with others, and of what is within reach.
  groupArray(prompt_read_usd) AS prompt_read_usd,
  groupArray(start_read_usd) AS start_read_usd,
  groupArray(reach_read_usd) AS reach_read_usd,
  groupArray(prompt_write_usd) AS prompt_write_usd,
  groupArray(start_write_usd) AS start_write_usd,
  groupArray(reach_write_usd) AS reach_write_usd,
  groupArray(known_usd) AS known_usd               -- what live was billed after the same last turn, against what the cube takes for kept
FROM (
  SELECT
    lines.segment_value AS segment_value,
    lines.live_model AS live_model,
    lines.shadow_model AS shadow_model,
    lines.kind AS kind,
    lines.model AS model,
    lines.contaminated AS contaminated,
    lines.state::String AS state,
    lines.bucket AS bucket,
    sum(lines.input_tokens) AS tokens,
    sum(lines.input_tokens * (input_price - cache_read_price)) / 1e6 AS prompt_read_usd,
    sum(lines.start_tokens * (input_price - cache_read_price)) / 1e6 AS start_read_usd,
    sum(lines.reach_tokens * (input_price - cache_read_price)) / 1e6 AS reach_read_usd,
    sum(lines.input_tokens * (cache_write_price - input_price)) / 1e6 AS prompt_write_usd,
    sum(lines.start_tokens * (cache_write_price - input_price)) / 1e6 AS start_write_usd,
    sum(lines.reach_tokens * (cache_write_price - input_price)) / 1e6 AS reach_write_usd,
    sum((lines.read_tokens - lines.kept_read_tokens) * (cache_read_price - input_price)
      + (lines.write_tokens - lines.kept_write_tokens) * (cache_write_price - input_price)) / 1e6 AS known_usd
  FROM (
    SELECT
      day, segment_value, live_model, shadow_model, kind, model, contaminated, state, context_band, bucket,
      input_tokens, reach_tokens, start_tokens, read_tokens, write_tokens, kept_read_tokens, kept_write_tokens
    FROM cache_daily
    WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
      AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
      AND day BETWEEN {first:Date} AND {last:Date} AND kind != ''
  ) AS lines
  -- part: book_prices
  GROUP BY segment_value, live_model, shadow_model, kind, model, contaminated, state, bucket
)
GROUP BY segment_value, live_model, shadow_model, kind, model, contaminated, state
ORDER BY segment_value, live_model, shadow_model, kind, model, contaminated, state
