-- what: signals of the last days whose request, response or span has not arrived, in every project
-- grain: one row per project that they were sent for; those that were sent without one are in `default`
-- params: since DateTime64(3, 'UTC') (arrival)
WITH sent AS (SELECT target FROM signals WHERE ingested_at >= {since:DateTime64(3, 'UTC')})
SELECT
  project,
  count() AS n,                      -- signals
  min(named) AS example              -- one that they name: a request id, response:ID or span:TRACE+SPAN
FROM (
  SELECT project, signals.target AS named
  FROM signals FINAL
  WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
)
WHERE (project, named) NOT IN (
  SELECT project, arrayJoin([request_id, concat('response:', response_id), concat('span:', trace_id, span_id)]) AS target
  FROM decisions
  WHERE role = 'live' AND (
    request_id IN (SELECT target FROM sent)
    OR concat('response:', response_id) IN (SELECT target FROM sent)
    OR concat('span:', trace_id, span_id) IN (SELECT target FROM sent))
)
  AND (project != 'default' OR named NOT IN (SELECT target FROM signals WHERE project != 'default'))
GROUP BY project
ORDER BY project
