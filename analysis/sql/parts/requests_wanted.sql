-- what: the filters of the Requests page
-- part: in_segments
AND multiIf({differs:String} = 'yes', decisions.status = 'ok' AND live_model != '' AND model != live_model,
  {differs:String} = 'no', decisions.status = 'ok' AND live_model != '' AND model = live_model, 1)
AND ({served_model:String} = '' OR served_model = {served_model:String})
AND ({status:String} = '' OR decisions.status = {status:String})
AND multiIf({contaminated:String} = 'yes', notEmpty(contamination), {contaminated:String} = 'no', empty(contamination), 1)
AND ({flagged:String} = '' OR request_id IN (
  SELECT target FROM signals FINAL
  WHERE project = {project:String} AND name = 'needs_review' AND toDate(ts) BETWEEN {first:Date} AND {last:Date} + 1))
