-- what: live requests of each task: tokens and refused first answers
-- grain: one row per task and bucket
-- params: project String, first Date, last Date
SELECT
  task,
  bucket,
  sum(task_daily.n) AS n,                         -- requests
  sum(task_daily.token_n) AS token_n,             -- with known tokens
  sum(task_daily.input_tokens) AS input_tokens,   -- of these
  sum(task_daily.output_tokens) AS output_tokens,
  sum(task_daily.judged_n) AS judged_n,           -- cascades whose first answer was judged
  sum(task_daily.refused_n) AS refused_n          -- of these, refused
FROM task_daily
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY task, bucket
ORDER BY task, bucket
