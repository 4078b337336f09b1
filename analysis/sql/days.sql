-- what: the days that the rollups hold for a project
-- grain: one row; days are 0 and the dates meaningless if nothing is rolled up
-- params: project String
SELECT
  min(day) AS first_day,             -- UTC
  max(day) AS last_day,              -- UTC
  uniqExact(day) AS days
FROM count_daily
WHERE project = {project:String}
