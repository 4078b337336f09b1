-- what: how many requests a filter of the Requests page keeps
-- grain: one row
-- params: project String, first Date, last Date, role String, policy String, version String, segment_keys Array(String), segment_values Array(String), differs String, served_model String, status String, contaminated String, flagged String
SELECT
  count() AS n
FROM named_decisions AS decisions
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
  AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
  -- part: requests_wanted
