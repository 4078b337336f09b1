-- what: requests on which a shadow is compared with live: both planned, served as live chose
SELECT
  request_id,
  live_model,
  model,
  bucket,
  sample_rate
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND status = 'ok' AND live_model != '' AND model != '' AND empty(contamination)
  -- part: in_segments
