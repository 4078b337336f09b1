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
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    AND (ts, request_id) < ({before_ts:DateTime64(6, 'UTC')}, {before_id:String})
    AND arrayAll(
      (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
        AND (found = v OR (v = 'other' AND found != ''
          AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
      {segment_keys:Array(String)}, {segment_values:Array(String)},
      arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
        k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)}))
    AND multiIf({differs:String} = 'yes', decisions.status = 'ok' AND live_model != '' AND model != live_model,
      {differs:String} = 'no', decisions.status = 'ok' AND live_model != '' AND model = live_model, 1)
    AND ({served_model:String} = '' OR served_model = {served_model:String})
    AND ({status:String} = '' OR decisions.status = {status:String})
    AND multiIf({contaminated:String} = 'yes', notEmpty(contamination), {contaminated:String} = 'no', empty(contamination), 1)
    AND ({flagged:String} = '' OR request_id IN (
      SELECT target FROM signals FINAL
      WHERE project = {project:String} AND name = 'needs_review' AND toDate(ts) BETWEEN {first:Date} AND {last:Date} + 1))
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
