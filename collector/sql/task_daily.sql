-- what: live requests of days of a project by task: tokens, refused first answers, and whether live chose by chance
-- grain: day, task, bucket
-- params: stage Identifier, project String, days Array(Date)
INSERT INTO {stage:Identifier} (
  project, day, task, bucket, n, token_n, input_tokens, output_tokens, judged_n, refused_n, plan_n, unknown_n, random_n)
SELECT
  project,
  toDate(ts) AS day,
  task,
  bucket,
  count() AS n,
  countIf(decisions.input_tokens IS NOT NULL AND decisions.output_tokens IS NOT NULL) AS token_n,
  sumIf(toFloat64(assumeNotNull(decisions.input_tokens)), decisions.input_tokens IS NOT NULL AND decisions.output_tokens IS NOT NULL) AS input_tokens,
  sumIf(toFloat64(assumeNotNull(decisions.output_tokens)), decisions.input_tokens IS NOT NULL AND decisions.output_tokens IS NOT NULL) AS output_tokens,
  countIf(escalation_model != '' AND escalated IS NOT NULL) AS judged_n,
  countIf(escalation_model != '' AND escalated = 1) AS refused_n,
  countIf(status = 'ok') AS plan_n,
  countIf(status = 'ok' AND propensity IS NULL) AS unknown_n,
  countIf(status = 'ok' AND propensity < 1) AS random_n
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live'
GROUP BY project, day, task, bucket;
