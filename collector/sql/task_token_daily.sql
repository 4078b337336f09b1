-- what: tokens of every attempt of the live requests of days of a project, for any price book
-- grain: day, task, model, context band
-- params: stage Identifier, project String, days Array(Date)
INSERT INTO {stage:Identifier} (
  project, day, task, model, context_band, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens)
SELECT
  project,
  toDate(ts) AS day,
  task,
  attempt_key AS priced_model,
  toUInt8((attempt.input_tokens > 128000) + (attempt.input_tokens > 200000) + (attempt.input_tokens > 272000)) AS context_band,
  sum(toFloat64(attempt.input_tokens)) AS input_tokens,
  sum(toFloat64(attempt.cache_read_tokens)) AS cache_read_tokens,
  sum(toFloat64(attempt.cache_write_tokens)) AS cache_write_tokens,
  sum(toFloat64(attempt.output_tokens)) AS output_tokens
FROM named_decisions AS decisions
ARRAY JOIN attempts AS attempt, attempt_keys AS attempt_key
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND role = 'live' AND attempt.input_tokens + attempt.output_tokens > 0
GROUP BY project, day, task, priced_model, context_band;
