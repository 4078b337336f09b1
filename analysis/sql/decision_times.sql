-- what: how long a policy took to decide, in bins of 2 % (bin b: 1.02^b to 1.02^(b+1) seconds)
-- grain: one row per bucket
-- params: project String, role String, policy String, version String, first Date, last Date
SELECT
  bucket,
  sum(rows_n) AS n,
  groupArray(bin) AS bins,
  groupArray(weight) AS weights      -- decisions, weighted
FROM (
  SELECT
    bucket,
    toInt32(floor(log(greatest(assumeNotNull(eval_s), 1e-9)) / log(1.02))) AS bin,
    count() AS rows_n,
    sum(w) AS weight
  FROM request_sample
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
    AND role = {role:String} AND (role = 'live' OR (policy = {policy:String} AND policy_version = {version:String}))
    AND eval_s IS NOT NULL
  GROUP BY bucket, bin
)
GROUP BY bucket
ORDER BY bucket
