-- what: up to when rollups are complete
-- grain: one row; 1970 if the worker never ran
-- params: none
SELECT max(started_at) AS rolled_up_to -- UTC
FROM rollup_runs
