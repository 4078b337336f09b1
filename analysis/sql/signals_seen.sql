-- what: signals that reached decisions of the window, those derived from the log last; a request counts once, however many shadows it has
-- grain: one row per signal name and source
-- params: project String, first Date, last Date
SELECT
  name,
  source,
  max(requests) AS n                 -- requests with the signal
FROM (
  SELECT
    name,
    source,
    policy,
    policy_version,
    sum(n) AS requests
  FROM signal_overall
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
  GROUP BY name, source, policy, policy_version
)
GROUP BY name, source
ORDER BY source = 'derived', n DESC, name, source
