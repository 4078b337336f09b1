-- what: copies signals that were sent without a project to the one project whose request they name
-- grain: a row of signals per (project, target, name, source, scorer) that the project has not got yet
-- params: since DateTime64(3, 'UTC')
-- Sent without a project they are in `default`. An id that `default` itself or several projects know stays there: its project is unknown.
INSERT INTO signals (project, target, name, source, scorer, ts, value, label, explanation, version, is_deleted)
SELECT owner.project, s.target, s.name, s.source, s.scorer, s.ts, s.value, s.label, s.explanation, s.version, s.is_deleted
FROM signals AS s
INNER JOIN (
  SELECT target, any(owned.project) AS project
  FROM (
    SELECT project, arrayJoin([request_id, concat('response:', response_id), concat('span:', trace_id, span_id)]) AS target
    FROM decisions
    WHERE role = 'live' AND origin = 'production' AND (
      request_id IN (SELECT target FROM signals WHERE project = 'default' AND ingested_at >= {since:DateTime64(3, 'UTC')})
      OR concat('response:', response_id) IN (SELECT target FROM signals WHERE project = 'default' AND ingested_at >= {since:DateTime64(3, 'UTC')})
      OR concat('span:', trace_id, span_id) IN (SELECT target FROM signals WHERE project = 'default' AND ingested_at >= {since:DateTime64(3, 'UTC')})
      OR (request_id, response_id) IN (
        SELECT request_id, response_id FROM decisions
        WHERE role = 'live' AND origin = 'production' AND ingested_at >= {since:DateTime64(3, 'UTC')} AND (
          request_id IN (SELECT target FROM signals WHERE project = 'default')
          OR concat('response:', response_id) IN (SELECT target FROM signals WHERE project = 'default')
          OR concat('span:', trace_id, span_id) IN (SELECT target FROM signals WHERE project = 'default'))))
  ) AS owned
  GROUP BY target
  HAVING uniqExact(owned.project) = 1 AND any(owned.project) != 'default'
) AS owner ON s.target = owner.target
WHERE s.project = 'default' AND (owner.project, s.target, s.name, s.source, s.scorer, s.version) NOT IN (
  SELECT project, target, name, source, scorer, version FROM signals WHERE project != 'default');
