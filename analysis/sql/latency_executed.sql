-- what: how long executed answers took, in bins of 2 %, of models alone and of a policy's whole plan
-- grain: one row per model, whether the whole plan was run, and bin
-- params: project String, policy String, version String
SELECT
  answered_by AS model,              -- of a whole plan: the model that answered in the end
  is_whole_plan,
  toInt32(floor(log(greatest(seconds, 1e-9)) / log(1.02))) AS bin,
  count() AS n,
  sum(1 / probability) AS weight
FROM (
  SELECT
    model::String AS answered_by,
    policy != '' AS is_whole_plan,
    any(assumeNotNull(latency_s)) AS seconds,
    any(inclusion_probability) AS probability
  FROM named_executions AS executions
  WHERE project = {project:String} AND status = 'ok' AND latency_s IS NOT NULL
    AND ((policy = {policy:String} AND policy_version IN ('', {version:String})) OR policy = '')
  GROUP BY sample, request_id, answered_by, is_whole_plan
)
GROUP BY model, is_whole_plan, bin
ORDER BY model, is_whole_plan, bin
