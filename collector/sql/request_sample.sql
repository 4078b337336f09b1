-- what: the decisions of days of a project, each on a sample of its requests; on all of them if they are few enough
-- grain: one row per decision; the same requests for every policy
-- params: stage Identifier, project String, days Array(Date), most_requests UInt32 (about as many are kept)
-- count_daily of the days is built before this.
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, bucket, one_in, w, task, user_tier, complexity_band, input_band, labels, status,
  model, model_key, escalation_model, escalation_key, escalated, same_plan, live_model, outcome_status, served_model, contaminated, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, latency_s, eval_s, attempts, ingested_at)
WITH (
  SELECT (groupArray(day), groupArray(one_in))
  FROM (
    SELECT day, toUInt32(greatest(ceil(max(requests) / {most_requests:UInt32}), 1)) AS one_in
    FROM (
      SELECT day, sum(n) AS requests FROM count_daily
      WHERE project = {project:String} AND day IN {days:Array(Date)}
      GROUP BY day, role, policy, policy_version
    )
    GROUP BY day
  )
) AS kept,
  transform(toDate(ts), kept.1, kept.2, toUInt32(1)) AS kept_one_in
SELECT
  project,
  toDate(ts) AS day,
  role,
  policy,
  policy_version,
  bucket,
  kept_one_in AS one_in,
  kept_one_in / sample_rate AS w,
  task,
  user_tier,
  complexity_band,
  input_band,
  labels,
  status,
  model,
  model_key,
  escalation_model,
  escalation_key,
  escalated,
  steps_id != '' AND steps_id = live_steps_id AS same_plan,
  live_model,
  outcome_status,
  served_model,
  notEmpty(contamination) AS contaminated,
  input_tokens,
  cache_read_tokens,
  cache_write_tokens,
  output_tokens,
  latency_s,
  eval_s,
  arrayMap((a, key) -> (key, a.input_tokens, a.cache_read_tokens, a.cache_write_tokens, a.output_tokens), attempts, attempt_keys) AS attempts,
  ingested_at
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)} AND cityHash64(request_id) % kept_one_in = 0;
