-- what: project-days whose sums may have changed: decisions arrived, of the day or of the hour before it, signals of their requests arrived, a label became a segment, a name got another meaning, or counts, the sample, what was meant or caches are missing
-- grain: a project-day; `sealed` = rows of it may have expired already, so that rebuilding it would erase history
-- params: since DateTime64(3, 'UTC'), last_start DateTime64(3, 'UTC'), new_labels Array(String), renamed Array(String), rebuild_days UInt16 (age of the oldest row up to which a day is rebuilt)
WITH changed AS (
  SELECT project, toDate(ts) AS day
  FROM decisions
  WHERE ingested_at >= {since:DateTime64(3, 'UTC')}
  UNION DISTINCT
  -- What was called just before midnight is in the caches of the first turns after it.
  SELECT project, toDate(ts) + 1 AS day
  FROM decisions
  WHERE ingested_at >= {since:DateTime64(3, 'UTC')} AND toHour(ts) = 23
  UNION DISTINCT
  SELECT project, toDate(ts) AS day
  FROM decisions
  WHERE role = 'live' AND (
    (project, request_id) IN (SELECT project, target FROM signals WHERE ingested_at >= {since:DateTime64(3, 'UTC')})
    OR (project, concat('response:', response_id)) IN (SELECT project, target FROM signals WHERE ingested_at >= {since:DateTime64(3, 'UTC')})
    OR (project, concat('span:', trace_id, span_id)) IN (SELECT project, target FROM signals WHERE ingested_at >= {since:DateTime64(3, 'UTC')}))
  UNION DISTINCT
  SELECT project, toDate(ts) AS day
  FROM decisions
  WHERE notEmpty({new_labels:Array(String)}) AND hasAny(mapKeys(labels), {new_labels:Array(String)})
  UNION DISTINCT
  SELECT project, toDate(ts) AS day
  FROM decisions
  WHERE notEmpty({renamed:Array(String)}) AND (
    hasAny([model, live_model, escalation_model, served_model, served_name]::Array(String), {renamed:Array(String)})
    OR hasAny(attempts.model::Array(String), {renamed:Array(String)}))
  UNION DISTINCT
  -- Summed before there were counts, a sample, what was meant, or caches. All sides are answered from the names of partitions.
  SELECT project, day
  FROM pair_daily
  WHERE (project, day) NOT IN (SELECT project, day FROM count_daily GROUP BY project, day)
    OR (project, day) NOT IN (SELECT project, day FROM request_sample GROUP BY project, day)
    OR (project, day) NOT IN (SELECT project, day FROM meant_hourly GROUP BY project, day)
    OR (project, day) NOT IN (SELECT project, day FROM cache_daily GROUP BY project, day)
  GROUP BY project, day
)
SELECT
  project,
  toDate(ts) AS day,
  min(ingested_at) <= now() - toIntervalDay({rebuild_days:UInt16}) AS sealed,
  countIf(ingested_at >= {last_start:DateTime64(3, 'UTC')}) AS arrived,
  count() AS stored
FROM decisions
WHERE (project, toDate(ts)) IN (SELECT project, day FROM changed)
GROUP BY project, day
ORDER BY project, day;
