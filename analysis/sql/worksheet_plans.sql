-- what: the plans that live made for each task, the most frequent five of a task
-- grain: one row per task and plan
-- params: project String, first Date, last Date
SELECT
  task::String AS task,
  model::String AS model,            -- planned first
  any(steps) AS steps,               -- JSON [{kind, model, accept_if}]
  count() AS n
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND status = 'ok'
GROUP BY task, model, steps_id
ORDER BY task, n DESC, model
LIMIT 5 BY task
