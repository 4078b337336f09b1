-- what: the units that live requests are clustered by
-- grain: one row per kind: user, session or request
-- params: project String, first Date, last Date
SELECT
  cluster_kind,
  count() AS n,                      -- live requests
  uniqExact(cluster_key) AS clusters -- different users, sessions or requests
FROM decisions FINAL
WHERE project = {project:String} AND role = 'live' AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
GROUP BY cluster_kind
ORDER BY n DESC, cluster_kind
