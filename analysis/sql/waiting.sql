-- what: requests that arrived after the newest run of the worker began, and so are in no figure yet
-- grain: one row; `since` is 1970 if the worker never ran
-- params: project String
WITH (SELECT max(started_at) FROM rollup_runs) AS since
SELECT
  uniqExact(request_id) AS n,          -- live requests
  since                                -- UTC
FROM decisions
WHERE project = {project:String} AND role = 'live' AND revision = 0 AND ingested_at >= since
