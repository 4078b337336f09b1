-- what: how live requests ended
-- grain: one row per outcome status
-- params: project String, first Date, last Date
SELECT
  outcome_status,                    -- complete, partial, error or unreported
  sum(count_hourly.n) AS n           -- live requests
FROM count_hourly
WHERE project = {project:String} AND role = 'live' AND day BETWEEN {first:Date} AND {last:Date}
GROUP BY outcome_status
ORDER BY n DESC, outcome_status
