-- what: scores of model judges on live answers, beside the scores of people, code or a reference on the same answers
-- grain: one row per judge, truth, bucket and pair of answers; truth = '' is every answer that the judge scored
-- params: project String, first Date, last Date, names Array(String), bars Array(Float64), usual_bar Float64
SELECT
  scored.1 AS judge,
  beside.1 AS truth_name,
  beside.2 AS truth_source,
  bucket,
  toUInt8(scored.2 >= transform(scored.1, {names:Array(String)}, {bars:Array(Float64)}, {usual_bar:Float64}) - 1e-9) AS passed,
  toUInt8(beside.3 >= transform(beside.1, {names:Array(String)}, {bars:Array(Float64)}, {usual_bar:Float64}) - 1e-9) AS good, -- 0 without a truth
  count() AS n,
  sum(1 / sample_rate) AS weight
FROM (
  SELECT
    bucket,
    sample_rate,
    scored,
    -- judge_resolved, llm_resolved and resolved_judge are compared with resolved.
    arrayJoin(arrayPushFront(arrayFilter(
      t -> replaceRegexpOne(t.1, '^(llm|judge)_|_(llm|judge)$', '') = replaceRegexpOne(scored.1, '^(llm|judge)_|_(llm|judge)$', ''), truths), ('', '', 0.))) AS beside
  FROM (
    SELECT
      bucket,
      sample_rate,
      arrayJoin(groupArrayIf((name, value), source = 'llm')) AS scored,
      groupArrayIf((name, source, value), source != 'llm') AS truths
    FROM (
      SELECT
        request_id,
        bucket,
        sample_rate,
        name,
        source,
        avg(assumeNotNull(newest.1)) AS value -- mean over scorers
      FROM (
        -- Without FINAL: a withdrawal may name another target of the same request than the signal that it withdraws.
        SELECT
          named.request_id AS request_id,
          named.bucket AS bucket,
          named.sample_rate AS sample_rate,
          signals.name::String AS name,
          signals.source::String AS source,
          scorer,
          argMax((signals.value, is_deleted), version) AS newest
        FROM signals
        INNER JOIN (
          SELECT
            request_id,
            bucket,
            sample_rate,
            arrayJoin(arrayConcat([request_id, concat('span:', trace_id, span_id)],
              if(response_id = '', [], [concat('response:', response_id)]))) AS target
          FROM decisions FINAL
          WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND empty(contamination)
        ) AS named ON signals.target = named.target
        WHERE signals.project = {project:String} AND signals.source IN ('llm', 'human', 'code', 'reference')
        GROUP BY request_id, bucket, sample_rate, name, source, scorer
      )
      WHERE newest.2 = 0 AND newest.1 IS NOT NULL
      GROUP BY request_id, bucket, sample_rate, name, source
    )
    GROUP BY request_id, bucket, sample_rate
  )
)
GROUP BY judge, truth_name, truth_source, bucket, passed, good
ORDER BY judge, truth_name, truth_source, bucket, passed, good
