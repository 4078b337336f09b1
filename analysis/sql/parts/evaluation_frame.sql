-- what: requests whose answer must be run to judge a shadow: their plans differ, or may
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND status = 'ok' AND live_model != '' AND empty(contamination)
  AND multiIf(model != live_model, 1,
    live_model IN (
      SELECT live_model FROM pair_daily
      WHERE project = {project:String} AND role = 'live' AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date} AND w_cascade > 0
    ), steps_id != live_steps_id, escalation_model != '')
  -- part: in_segments
