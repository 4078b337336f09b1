-- what: the signals on one request, by any of the names that it goes by
-- grain: one row per name, source and scorer; the newest event wins
-- params: project String, targets Array(String)
SELECT
  argMax(ts, version) AS at,         -- when it was observed, UTC
  name,
  source,
  scorer,
  argMax(tuple(value), version).1 AS newest_value,    -- in [0,1], 1 is best; NULL = only a label
  argMax(label, version) AS newest_label,
  argMax(explanation, version) AS newest_explanation
FROM signals FINAL
WHERE project = {project:String} AND target IN {targets:Array(String)}
GROUP BY name, source, scorer
ORDER BY at, name, source, scorer
