-- what: whether live chose at random, and said with which probability
-- grain: one row
-- params: project String, first Date, last Date
SELECT
  sum(plan_n) AS n,                                  -- live decisions with a plan
  sum(task_daily.unknown_n) AS unknown_n,            -- of those, without a propensity
  sum(task_daily.random_n) AS random_n               -- of those, with a propensity below 1
FROM task_daily
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
