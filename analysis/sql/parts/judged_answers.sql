-- what: the mean over scorers of one signal for each live answer
SELECT
  request_id,
  avg(assumeNotNull(newest.1)) AS value -- mean over scorers
FROM (
  -- Without FINAL: a withdrawal may name another target of the same request than the signal that it withdraws.
  SELECT
    named.request_id AS request_id,
    scorer,
    argMax((signals.value, is_deleted), version) AS newest
  FROM signals
  INNER JOIN (
    SELECT
      request_id,
      arrayJoin(arrayConcat([request_id, concat('span:', trace_id, span_id)],
        if(response_id = '', [], [concat('response:', response_id)]))) AS target
    FROM decisions FINAL
    WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
  ) AS named ON signals.target = named.target
  WHERE signals.project = {project:String} AND signals.name = {name:String} AND signals.source = {source:String}
  GROUP BY request_id, scorer
)
WHERE newest.2 = 0 AND newest.1 IS NOT NULL
GROUP BY request_id
