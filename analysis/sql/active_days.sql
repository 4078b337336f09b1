-- what: how many days of a window a shadow policy decided on
-- grain: one row
-- params: project String, policy String, version String, first Date, last Date
SELECT uniqExact(day) AS days        -- UTC days
FROM pair_daily
WHERE project = {project:String} AND role = 'shadow' AND policy = {policy:String} AND policy_version = {version:String}
  AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date}
