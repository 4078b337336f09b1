-- what: how live requests ended
-- grain: one row per outcome status
-- params: project String, first Date, last Date
SELECT
  outcome_status,                    -- complete, partial, error or unreported
  count() AS n                       -- live requests
FROM decisions FINAL
WHERE project = {project:String} AND role = 'live' AND toDate(ts) BETWEEN {first:Date} AND {last:Date}
GROUP BY outcome_status
ORDER BY n DESC, outcome_status
