-- what: one page of requests, newest first; with a shadow policy, only those it decided
-- grain: one row per request
-- params: project String, first Date, last Date, role String, policy String, version String, segment_keys Array(String), segment_values Array(String), differs String, served_model String, status String, contaminated String, flagged String, before_ts DateTime64(6, 'UTC'), before_id String, page UInt32
WITH page AS (
  SELECT
    ts,
    request_id,
    live_model,
    served_model,
    outcome_status,
    contamination,
    task,
    user_tier,
    complexity_band,
    input_tokens,
    output_tokens,
    latency_s,
    decisions.status AS own_status,
    model,
    reason
  FROM named_decisions AS decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    AND (ts, request_id) < ({before_ts:DateTime64(6, 'UTC')}, {before_id:String})
    -- part: requests_wanted
  ORDER BY ts DESC, request_id DESC
  LIMIT {page:UInt32}
)
SELECT
  page.ts AS ts,                     -- live decision time, UTC
  page.request_id AS request_id,
  live.policy AS policy,             -- empty if no live row arrived
  live.status AS status,
  page.live_model AS model,          -- planned primary of live
  page.served_model AS served_model,
  page.outcome_status AS outcome_status,
  page.contamination AS contamination,
  page.task AS task,
  page.user_tier AS user_tier,
  page.complexity_band AS complexity_band,
  page.input_tokens AS input_tokens, -- tokens; NULL = unknown
  page.output_tokens AS output_tokens, -- tokens; NULL = unknown
  page.latency_s AS latency_s,       -- seconds; NULL = unknown
  live.reason AS reason,
  if({role:String} = 'shadow', page.own_status, '') AS shadow_status,
  if({role:String} = 'shadow', page.model, '') AS shadow_model,
  if({role:String} = 'shadow', page.reason, '') AS shadow_reason
FROM page
LEFT JOIN (
  SELECT
    request_id,
    policy,
    decisions.status AS status,
    reason
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
    AND request_id IN (SELECT request_id FROM page)
) AS live ON live.request_id = page.request_id
ORDER BY ts DESC, request_id DESC
