-- what: when the newest decision of a project arrived, and up to when rollups are complete
-- grain: one row; n is 0 and the times meaningless if there is none
-- params: project String
SELECT
  count() AS n,                      -- stored decision rows, copies included
  max(ts) AS newest_decision,        -- UTC
  max(ingested_at) AS newest_arrival, -- UTC
  (SELECT max(started_at) FROM rollup_runs) AS rolled_up_to -- UTC; 1970 if the worker never ran
FROM decisions
WHERE project = {project:String}
