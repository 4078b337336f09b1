-- what: that a request lies in every segment that is asked for; a value that is none of its own lies in "other"
AND (empty({segment_keys:Array(String)}) OR arrayAll(
  (k, v, own) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
    AND (own = v OR (v = 'other' AND own != ''
      AND (k, own) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
  {segment_keys:Array(String)}, {segment_values:Array(String)},
  arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
    k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)})))
