-- what: the executed answers of a project, in one number that any change of them changes
-- grain: one row; n is 0 and the mark 0 without any
-- params: project String
SELECT
  count() AS n,
  groupBitXor(cityHash64(executions.sample, request_id, policy, policy_version, model, signal, scorer, inclusion_probability, status,
    -- a hash of an unknown value would be unknown
    ifNull(toString(score), '?'), ifNull(toString(live_score), '?'), ifNull(toString(cost_usd), '?'), ifNull(toString(escalated), '?'),
    stratum, ifNull(toString(input_tokens), '?'), ifNull(toString(output_tokens), '?'), ifNull(toString(latency_s), '?'))) AS mark
FROM executions FINAL
WHERE project = {project:String}
