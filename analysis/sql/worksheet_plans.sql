-- what: the plans that live made for each task, the most frequent five of a task
-- grain: one row per task and plan
-- params: project String, first Date, last Date
SELECT
  task::String AS task,
  model::String AS model,            -- planned first
  any(task_plan_daily.steps) AS steps, -- JSON [{kind, model, accept_if}]
  sum(task_plan_daily.n) AS n
FROM task_plan_daily
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY task, model, steps_id
ORDER BY task, n DESC, model
LIMIT 5 BY task
