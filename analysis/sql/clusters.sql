-- what: effective number of clusters, (sum of sizes)^2 / sum of squared sizes, by cluster key, estimated from sums with random signs
-- grain: one row per segment value
-- params: project String, role String, policy String, version String, first Date, last Date, segment_key String, segment_value String, every_value Bool
-- A cluster's size enters a bucket's signed sum with + or - by a bit of its hash, on every day alike. Different clusters cancel on average, so the
-- squares of 256 sums by 4 signs estimate the sum of squared sizes without bias, with a standard error of at most sqrt(2 / 1024) = 4.4 % of it.
SELECT
  segment_value,
  -- Never fewer than the buckets themselves amount to: a bucket is at least as large as each cluster in it.
  greatest(
    if(sum(size * size) = 0, 0, pow(sum(size), 2) / sum(size * size)),
    if(sum(squares) = 0, 0, pow(sum(size), 2) / sum(squares))) AS effective_clusters
FROM (
  SELECT
    segment_value,
    bucket,
    sum(w) AS size,                  -- weighted decisions
    (pow(sum(w_sign_1), 2) + pow(sum(w_sign_2), 2) + pow(sum(w_sign_3), 2) + pow(sum(w_sign_4), 2)) / 4 AS squares
  FROM pair_daily
  WHERE project = {project:String} AND role = {role:String}
    AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    AND segment_key = {segment_key:String} AND ({every_value:Bool} OR segment_value = {segment_value:String})
    AND day BETWEEN {first:Date} AND {last:Date}
  GROUP BY segment_value, bucket
)
GROUP BY segment_value
ORDER BY segment_value
