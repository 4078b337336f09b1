-- what: decisions of days of a project by hour, for completeness, kinds of clusters and outcomes
-- grain: day, role, policy, version, hour, cluster kind, outcome status
-- params: stage Identifier, project String, days Array(Date)
INSERT INTO {stage:Identifier} (project, day, role, policy, policy_version, hour, cluster_kind, outcome_status, n, w)
SELECT
  project,
  toDate(ts) AS day,
  role,
  policy,
  policy_version,
  toStartOfHour(ts) AS hour,
  cluster_kind,
  outcome_status,
  count() AS n,
  sum(1 / sample_rate) AS w
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) IN {days:Array(Date)}
GROUP BY project, day, role, policy, policy_version, hour, cluster_kind, outcome_status;
