-- what: first models for which live planned an escalation
-- grain: one row per model
-- params: project String, first Date, last Date
SELECT DISTINCT live_model AS model
FROM pair_daily
WHERE project = {project:String} AND role = 'live' AND segment_key = 'all' AND day BETWEEN {first:Date} AND {last:Date} AND w_cascade > 0
ORDER BY model
