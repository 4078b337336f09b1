-- what: the models that a shadow policy's plans name
-- grain: one row per model
-- params: project String, policy String, version String, first Date, last Date
SELECT DISTINCT arrayJoin(arrayFilter(name -> name != '', arrayConcat(
  [model, escalation_model],
  JSONExtract(steps, 'Array(Tuple(model String))').1))) AS named -- primary, escalations and fallbacks
FROM (
  SELECT DISTINCT
    model::String AS model,
    escalation_model::String AS escalation_model,
    steps
  FROM decisions
  WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
    AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND status = 'ok'
)
ORDER BY named
