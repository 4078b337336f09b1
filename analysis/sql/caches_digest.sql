-- what: the tokens behind a window's prompt caches, as whole numbers that a rebuild of the rollups does not change
-- grain: one row per role, policy, version, kind, model and state
-- params: project String, first Date, last Date
SELECT
  role::String AS role,
  policy,
  policy_version,
  kind,
  model,
  state::String AS state,
  sum(n) AS n,                                           -- calls
  toInt64(round(sum(reach_tokens))) AS reach_tokens,     -- weighted
  toInt64(round(sum(start_tokens))) AS start_tokens,     -- weighted
  toInt64(round(sum(read_tokens))) AS read_tokens,       -- weighted
  toInt64(round(sum(write_tokens))) AS write_tokens      -- weighted
FROM cache_daily
WHERE project = {project:String} AND segment_key = 'task' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY role, policy, policy_version, kind, model, state
ORDER BY role, policy, policy_version, kind, model, state
