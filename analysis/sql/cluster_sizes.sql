-- what: effective number of clusters, (sum of sizes)^2 / sum of squared sizes, by cluster key and not by bucket
-- grain: one row
-- params: project String, role String, policy String, version String, first Date, last Date, segment_keys Array(String), segment_values Array(String)
SELECT
  if(sum(size) = 0, 0, pow(sum(size), 2) / sum(size * size)) AS effective_clusters
FROM (
  SELECT
    cluster_key,
    sum(1 / sample_rate) AS size     -- weighted decisions of one user, session or request
  FROM decisions FINAL
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
    AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    -- part: in_segments
  GROUP BY cluster_key
)
