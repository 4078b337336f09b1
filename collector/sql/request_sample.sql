-- what: the decisions of one project-day on a sample of its requests; on all of them if they are few enough
-- grain: one row per decision; the same requests for every policy
-- params: stage Identifier, project String, day Date, most_requests UInt32 (about as many are kept)
-- count_daily of the day is built before this.
INSERT INTO {stage:Identifier} (
  project, day, role, policy, policy_version, bucket, one_in, w, task, user_tier, complexity_band, input_band, labels, status,
  model, model_key, escalation_model, escalation_key, escalated, same_plan, live_model, outcome_status, served_model, contaminated, input_tokens, cache_read_tokens,
  cache_write_tokens, output_tokens, latency_s, eval_s, attempts, ingested_at)
WITH (
  SELECT toUInt32(greatest(ceil(max(requests) / {most_requests:UInt32}), 1))
  FROM (
    SELECT sum(n) AS requests FROM count_daily
    WHERE project = {project:String} AND day = {day:Date}
    GROUP BY role, policy, policy_version
  )
) AS kept_one_in
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
WHERE project = {project:String} AND toDate(ts) = {day:Date} AND cityHash64(request_id) % kept_one_in = 0;
