-- what: shadow decisions that ended without a plan, by reason
-- grain: one row per policy, version, status and error type
-- params: project String, first Date, last Date
SELECT
  policy,
  policy_version,
  count_daily.status AS status,      -- error, timeout or invalid
  error_type,
  sum(count_daily.n) AS n            -- decisions
FROM count_daily
WHERE project = {project:String} AND role = 'shadow' AND count_daily.status != 'ok' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY policy, policy_version, status, error_type
ORDER BY n DESC, policy, policy_version, status, error_type
