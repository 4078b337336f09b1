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
    AND arrayAll(
      (k, v, found) -> (NOT startsWith(k, 'label:') OR mapContains(labels, substring(k, 7)))
        AND (found = v OR (v = 'other' AND found != ''
          AND (k, found) NOT IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}))),
      {segment_keys:Array(String)}, {segment_values:Array(String)},
      arrayMap(k -> multiIf(k = 'task', task::String, k = 'user_tier', user_tier::String, k = 'complexity_band', complexity_band::String,
        k = 'input_band', input_band::String, labels[substring(k, 7)]), {segment_keys:Array(String)}))
  GROUP BY cluster_key
)
