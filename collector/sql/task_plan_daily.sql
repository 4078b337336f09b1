-- what: the plans that live made for each task on days of a project
-- grain: day, task, model, plan
-- params: stage Identifier, project String, days Array(Date)
INSERT INTO {stage:Identifier} (project, day, task, model, steps_id, steps, n)
SELECT
  project,
  toDate(ts) AS day,
  task,
  model,
  steps_id,
  any(decisions.steps) AS steps,
  count() AS n
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND status = 'ok'
GROUP BY project, day, task, model, steps_id;
