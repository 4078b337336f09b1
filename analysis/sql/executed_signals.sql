-- what: signals that executed answers of a policy were scored by
-- grain: one row per signal
-- params: project String, policy String, version String, first Date, last Date
SELECT
  signal,
  uniqExact(request_id) AS n         -- scored requests
FROM executions FINAL
WHERE project = {project:String} AND signal != '' AND score IS NOT NULL
  AND (policy = '' OR (policy = {policy:String} AND policy_version IN ('', {version:String})))
  AND (request_id, if(policy = '', model::String, '')) IN (
    SELECT request_id, arrayJoin(if(escalation_model = '', ['', model::String], ['']))
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
      AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
      AND status = 'ok' AND live_model != '' AND empty(contamination)
  )
GROUP BY signal
ORDER BY n DESC, signal
