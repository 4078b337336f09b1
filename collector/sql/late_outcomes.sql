-- what: copies outcomes that arrived late onto the rows of their request, as a new revision
-- grain: a row of decisions per (request, role, policy, version) whose outcome was unreported or itself came late
-- params: since DateTime64(3, 'UTC')
-- A second run finds nothing to do: the revision is the event time, whichever of decision and outcome arrived first.
INSERT INTO decisions (
  project, ts, request_id, role, policy, policy_version, revision, trace_id, span_id, response_id, origin, cluster_key, cluster_kind, bucket, session_key,
  task, user_tier, complexity_band, input_band, labels, prompt_version, status, error_type, model, tier, escalation_model, steps_id, steps,
  candidates, reason, confidence, propensity, eval_s, state_mode, live_model, live_tier, live_steps_id,
  outcome_status, served_model, served_name, served_provider, contamination, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
  latency_s, ttft_s, reported_cost_usd, attempts, escalated, sample_rate, shadows, sdk_version, ingested_at)
SELECT
  d.project, d.ts, d.request_id, d.role, d.policy, d.policy_version, o.revision, d.trace_id, d.span_id,
  if(o.response_id = '', d.response_id, o.response_id), d.origin, d.cluster_key, d.cluster_kind, d.bucket, d.session_key,
  d.task, d.user_tier, d.complexity_band, d.input_band, d.labels, d.prompt_version, d.status, d.error_type, d.model, d.tier, d.escalation_model, d.steps_id, d.steps,
  d.candidates, d.reason, d.confidence, d.propensity, d.eval_s, d.state_mode, d.live_model, d.live_tier, d.live_steps_id,
  o.outcome_status, o.served_model, o.served_name, o.served_provider, o.contamination, o.input_tokens, o.cache_read_tokens, o.cache_write_tokens, o.output_tokens,
  o.latency_s, o.ttft_s, o.reported_cost_usd, o.attempts, d.escalated, d.sample_rate, d.shadows, d.sdk_version, greatest(d.ingested_at, o.ingested_at)
FROM (
  SELECT *
  FROM decisions FINAL
  WHERE (outcome_status = 'unreported' OR revision > 0)
    AND (ingested_at >= {since:DateTime64(3, 'UTC')}
      OR (project, request_id) IN (SELECT project, request_id FROM late_outcomes WHERE ingested_at >= {since:DateTime64(3, 'UTC')}))
) AS d
INNER JOIN (SELECT * FROM late_outcomes FINAL) AS o ON d.project = o.project AND d.request_id = o.request_id
WHERE o.revision > d.revision;
