-- what: whether live chose at random, and said with which probability
-- grain: one row
-- params: project String, first Date, last Date
SELECT
  count() AS n,                                  -- live decisions with a plan
  countIf(propensity IS NULL) AS unknown_n,      -- of those, without a propensity
  countIf(propensity < 1) AS random_n            -- of those, with a propensity below 1
FROM decisions FINAL
WHERE project = {project:String} AND toDate(ts) BETWEEN {first:Date} AND {last:Date} AND role = 'live' AND status = 'ok'
