-- what: the eight tasks with most of live's calls; the others are taken together, because each has 256 buckets of its own
task IN (
  SELECT cache_overall.task FROM cache_overall
  WHERE project = {project:String} AND day BETWEEN {first:Date} AND {last:Date} AND role = 'live'
  GROUP BY cache_overall.task ORDER BY sum(arraySum(n)) DESC, cache_overall.task LIMIT 8)
