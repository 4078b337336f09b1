-- what: cluster_sizes for every value of a segment key, in one pass over the decisions
-- grain: one row per segment value
-- params: project String, role String, policy String, version String, first Date, last Date, segment_key String
SELECT
  segment_value,
  pow(sum(size), 2) / sum(size * size) AS effective_clusters
FROM (
  SELECT
    if(found = '' OR ({segment_key:String}, found) IN (SELECT segment_key::String, segment_value FROM segment_values WHERE project = {project:String}),
      found, 'other') AS segment_value,
    cluster_key,
    sum(1 / sample_rate) AS size     -- weighted decisions of one user, session or request
  FROM (
    SELECT
      multiIf({segment_key:String} = 'task', task::String, {segment_key:String} = 'user_tier', user_tier::String,
        {segment_key:String} = 'complexity_band', complexity_band::String, {segment_key:String} = 'input_band', input_band::String,
        labels[substring({segment_key:String}, 7)]) AS found,
      cluster_key,
      sample_rate
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
      AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
      AND (NOT startsWith({segment_key:String}, 'label:') OR mapContains(labels, substring({segment_key:String}, 7)))
  )
  GROUP BY segment_value, cluster_key
)
GROUP BY segment_value
ORDER BY segment_value
