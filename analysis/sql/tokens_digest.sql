-- what: the tokens behind a window's costs, as whole numbers that a rebuild of the rollups does not change
-- grain: one row per policy, version, side, kind and model
-- params: project String, first Date, last Date
SELECT
  policy,
  policy_version,
  side,
  kind,
  model,
  sum(n) AS n,                                                                 -- lines
  toInt64(round(sum(uncached_tokens + cache_read_tokens + cache_write_tokens))) AS input_tokens, -- weighted
  toInt64(round(sum(cache_read_tokens))) AS read_tokens,                       -- weighted
  toInt64(round(sum(cache_write_tokens))) AS cached_tokens,                    -- weighted
  toInt64(round(sum(output_tokens))) AS answer_tokens                     -- weighted
FROM cost_daily
WHERE project = {project:String} AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY policy, policy_version, side, kind, model
ORDER BY policy, policy_version, side, kind, model
