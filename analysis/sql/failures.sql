-- what: shadow decisions that ended without a plan, by reason
-- grain: one row per policy, version, status and error type
-- params: project String, first Date, last Date
SELECT
  policy,
  policy_version,
  decisions.status AS status,        -- error, timeout or invalid
  error_type,
  count() AS n                       -- decisions
FROM decisions FINAL
WHERE project = {project:String} AND role = 'shadow' AND decisions.status != 'ok'
  AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
GROUP BY policy, policy_version, status, error_type
ORDER BY n DESC, policy, policy_version, status, error_type
