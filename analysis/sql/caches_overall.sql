-- what: cache_cells for all traffic and every shadow policy
-- grain: one row per policy, version, pair of planned models, kind, model, contaminated, state and task; arrays run over the 256 buckets
-- params: project String, book String, first Date, last Date
SELECT
  policy,
  policy_version,
  live_model,
  shadow_model,
  kind,
  lines.model AS model,
  contaminated,
  state::String AS state,
  named_task,
  range(256) AS buckets,
  sumForEach(input_tokens) AS tokens,                                -- of the prompts
  -- What reading instead of paying for input saves, and what writing adds to it: of the whole prompt, of what the session's
  -- first turn may share with others, and of what is within reach.
  sumForEach(arrayMap(t -> t * (input_price - cache_read_price) / 1e6, input_tokens)) AS prompt_read_usd,
  sumForEach(arrayMap(t -> t * (input_price - cache_read_price) / 1e6, start_tokens)) AS start_read_usd,
  sumForEach(arrayMap(t -> t * (input_price - cache_read_price) / 1e6, reach_tokens)) AS reach_read_usd,
  sumForEach(arrayMap(t -> t * (cache_write_price - input_price) / 1e6, input_tokens)) AS prompt_write_usd,
  sumForEach(arrayMap(t -> t * (cache_write_price - input_price) / 1e6, start_tokens)) AS start_write_usd,
  sumForEach(arrayMap(t -> t * (cache_write_price - input_price) / 1e6, reach_tokens)) AS reach_write_usd,
  -- What live was billed after the same last turn, against what the cube takes for kept.
  sumForEach(arrayMap((r, k, w, l) -> ((r - k) * (cache_read_price - input_price) + (w - l) * (cache_write_price - input_price)) / 1e6,
    read_tokens, kept_read_tokens, write_tokens, kept_write_tokens)) AS known_usd
FROM (
  -- Summed before they are priced, over the days between two changes of a price: the arrays are long.
  SELECT
    if(
      -- part: largest_tasks
      , task, 'other') AS named_task,
    arrayCount(d -> d <= cache_overall.day, (SELECT groupUniqArray(effective_from) FROM price_books WHERE book = {book:String})) AS period,
    min(cache_overall.day) AS day,
    policy, policy_version, live_model, shadow_model, kind, model, contaminated, state, context_band,
    sumForEach(cache_overall.input_tokens) AS input_tokens,
    sumForEach(cache_overall.reach_tokens) AS reach_tokens,
    sumForEach(cache_overall.start_tokens) AS start_tokens,
    sumForEach(cache_overall.read_tokens) AS read_tokens,
    sumForEach(cache_overall.write_tokens) AS write_tokens,
    sumForEach(cache_overall.kept_read_tokens) AS kept_read_tokens,
    sumForEach(cache_overall.kept_write_tokens) AS kept_write_tokens
  FROM cache_overall
  WHERE project = {project:String} AND cache_overall.day BETWEEN {first:Date} AND {last:Date} AND role = 'shadow' AND kind != ''
  GROUP BY named_task, period, policy, policy_version, live_model, shadow_model, kind, model, contaminated, state, context_band
) AS lines
-- part: book_prices
GROUP BY policy, policy_version, live_model, shadow_model, kind, model, contaminated, state, named_task
ORDER BY policy, policy_version, live_model, shadow_model, kind, model, contaminated, state, named_task
