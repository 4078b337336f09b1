-- what: how far the log of a day reaches: what follows a later answer may not be there yet
INNER JOIN (
  SELECT
    toDate(ts) AS day,
    max(toUnixTimestamp64Micro(ts)) AS newest_us
  FROM decisions
  WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live'
  GROUP BY day
) AS known ON seen.day = known.day
