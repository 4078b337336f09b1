-- what: projects that the store holds decisions of
-- grain: one row per project
-- params: none
SELECT
  project,
  count() AS n                       -- stored decision rows, copies included
FROM decisions
GROUP BY project
ORDER BY n DESC, project
