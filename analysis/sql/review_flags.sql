-- what: requests that their router flagged for a person, by reason
-- grain: one row per reason; a withdrawn flag is gone
-- params: project String, first Date, last Date
SELECT
  newest.1 AS reason,                -- last_step_refused or refused_in_a_row
  uniqExact(target) AS n
FROM (
  SELECT target, argMax((signals.label, ts, is_deleted), version) AS newest
  FROM signals
  WHERE project = {project:String} AND name = 'needs_review'
  GROUP BY target, source, scorer
)
WHERE newest.3 = 0 AND toDate(newest.2) BETWEEN {first:Date} AND {last:Date}
GROUP BY reason
ORDER BY reason
