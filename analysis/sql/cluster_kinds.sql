-- what: the units that live requests are clustered by
-- grain: one row per kind: user, session or request
-- params: project String, first Date, last Date
SELECT
  cluster_kind,
  sum(count_hourly.n) AS n           -- live requests
FROM count_hourly
WHERE project = {project:String} AND role = 'live' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY cluster_kind
ORDER BY n DESC, cluster_kind
