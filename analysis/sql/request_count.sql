-- what: how many requests a filter of the Requests page keeps
-- grain: one row
-- params: project String, first Date, last Date, role String, policy String, version String, segment_keys Array(String), segment_values Array(String), differs String, served_model String, status String, contaminated String
SELECT
  count() AS n
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
  AND arrayAll(
    (k, v) -> if(startsWith(k, 'label:') AND NOT mapContains(labels, substring(k, 7)), 0,
      multiIf(k = 'task', task, k = 'user_tier', user_tier, k = 'complexity_band', complexity_band,
        k = 'input_band', input_band, labels[substring(k, 7)]) = v),
    {segment_keys:Array(String)}, {segment_values:Array(String)})
  AND multiIf({differs:String} = 'yes', decisions.status = 'ok' AND live_model != '' AND model != live_model,
    {differs:String} = 'no', decisions.status = 'ok' AND live_model != '' AND model = live_model, 1)
  AND ({served_model:String} = '' OR served_model = {served_model:String})
  AND ({status:String} = '' OR decisions.status = {status:String})
  AND multiIf({contaminated:String} = 'yes', notEmpty(contamination), {contaminated:String} = 'no', empty(contamination), 1)
