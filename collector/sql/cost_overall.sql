-- what: tokens, paid live and needed by each shadow: all traffic of the days that were summed, out of the stage of cost_daily
-- grain: day, policy, policy_version, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept; arrays over the 256 buckets
-- params: stage Identifier, cost_daily Identifier
INSERT INTO {stage:Identifier} (
  project, day, policy, policy_version, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept,
  n, w, uncached_tokens, cache_read_tokens, cache_write_tokens, output_tokens)
SELECT
  project,
  day,
  policy,
  policy_version,
  side,
  model,
  kind,
  live_model,
  shadow_model,
  contaminated,
  context_band,
  cache_kept,
  sum(staged.n) AS n,
  groupArrayInsertAt(0., 256)(staged.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(staged.uncached_tokens, bucket) AS uncached_tokens,
  groupArrayInsertAt(0., 256)(staged.cache_read_tokens, bucket) AS cache_read_tokens,
  groupArrayInsertAt(0., 256)(staged.cache_write_tokens, bucket) AS cache_write_tokens,
  groupArrayInsertAt(0., 256)(staged.output_tokens, bucket) AS output_tokens
FROM {cost_daily:Identifier} AS staged
WHERE segment_key = 'all'
GROUP BY project, day, policy, policy_version, side, model, kind, live_model, shadow_model, contaminated, context_band, cache_kept;
