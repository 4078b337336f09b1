-- what: the signals on one request, by any of the names that it goes by
-- grain: one row per name, source and scorer; the newest event wins, and a withdrawn one is gone
-- params: project String, targets Array(String)
SELECT
  newest.1 AS at,                    -- when it was observed, UTC
  name,
  source,
  scorer,
  newest.2 AS value,                 -- in [0,1], 1 is best; NULL = only a label
  newest.3 AS label,
  newest.4 AS explanation
FROM (
  SELECT
    name,
    source,
    scorer,
    argMax((ts, signals.value, signals.label, signals.explanation, is_deleted), version) AS newest
  FROM signals
  WHERE project = {project:String} AND target IN {targets:Array(String)}
  GROUP BY name, source, scorer
)
WHERE newest.5 = 0
ORDER BY at, name, source, scorer
