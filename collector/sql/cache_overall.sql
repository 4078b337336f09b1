-- what: where calls stand in prompt caches: all traffic of the days that were summed by task, out of the stage of cache_daily
-- grain: day, role, policy, policy_version, task, kind, model, state, live_model, shadow_model, contaminated, context_band; arrays over the 256 buckets
-- params: stage Identifier, cache_daily Identifier
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, task, kind, model, state, live_model, shadow_model, contaminated, context_band,
  n, w, input_tokens, reach_tokens, start_tokens, read_tokens, write_tokens, kept_read_tokens, kept_write_tokens)
SELECT
  project,
  day,
  role,
  policy,
  policy_version,
  segment_value AS task,
  kind,
  model,
  state,
  live_model,
  shadow_model,
  contaminated,
  context_band,
  groupArrayInsertAt(toUInt64(0), 256)(staged.n, bucket) AS n,
  groupArrayInsertAt(0., 256)(staged.w, bucket) AS w,
  groupArrayInsertAt(0., 256)(staged.input_tokens, bucket) AS input_tokens,
  groupArrayInsertAt(0., 256)(staged.reach_tokens, bucket) AS reach_tokens,
  groupArrayInsertAt(0., 256)(staged.start_tokens, bucket) AS start_tokens,
  groupArrayInsertAt(0., 256)(staged.read_tokens, bucket) AS read_tokens,
  groupArrayInsertAt(0., 256)(staged.write_tokens, bucket) AS write_tokens,
  groupArrayInsertAt(0., 256)(staged.kept_read_tokens, bucket) AS kept_read_tokens,
  groupArrayInsertAt(0., 256)(staged.kept_write_tokens, bucket) AS kept_write_tokens
FROM {cache_daily:Identifier} AS staged
WHERE segment_key = 'task'
GROUP BY project, day, role, policy, policy_version, task, kind, model, state, live_model, shadow_model, contaminated, context_band;
