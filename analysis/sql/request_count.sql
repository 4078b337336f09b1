-- what: how many requests a filter of the Requests page keeps
-- grain: one row
-- params: project String, first Date, last Date, role String, policy String, version String, segment_keys Array(String), segment_values Array(String), differs String, served_model String, status String, contaminated String, flagged String
SELECT
  count() AS n
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
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
