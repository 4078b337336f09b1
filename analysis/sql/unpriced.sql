-- what: models that cost something in the window and have no price in the book
-- grain: one row per model
-- params: project String, book String, first Date, last Date
SELECT
  lines.model AS model,
  max(lines.n) AS n                  -- requests of the policy that has most of them
FROM (
  SELECT
    day,
    model,
    context_band,
    policy,
    policy_version,
    sum(n) AS n
  FROM cost_daily
  WHERE project = {project:String} AND segment_key = 'all' AND contaminated = 0 AND kind != 'escalation_avoided' AND day BETWEEN {first:Date} AND {last:Date}
  GROUP BY day, model, context_band, policy, policy_version
) AS lines
ASOF LEFT JOIN (
  SELECT
    model,
    context_band,
    effective_from
  FROM price_books FINAL
  WHERE book = {book:String}
) AS prices ON lines.model = prices.model AND lines.context_band = prices.context_band AND lines.day >= prices.effective_from
WHERE prices.model = ''
GROUP BY model
ORDER BY n DESC, model
