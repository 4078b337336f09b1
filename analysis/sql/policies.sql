-- what: policies that decided in the window, live and shadow
-- grain: one row per role, policy and version
-- params: project String, first Date, last Date
SELECT
  role = 'live' AS is_live,
  policy,
  policy_version,
  sum(count_daily.n) AS n,           -- decisions
  sum(w) AS weight,                  -- decisions, each counted 1/sample_rate times
  sumIf(w, status != 'ok') AS failed_weight, -- of those, without a plan
  arraySort(groupUniqArray(day)) AS days -- UTC days on which it decided
FROM count_daily
WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY role, policy, policy_version
ORDER BY is_live DESC, n DESC, policy, policy_version
