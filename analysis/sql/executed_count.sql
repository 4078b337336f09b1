-- what: whether any answer was executed; if not, no other query about executed answers is needed
-- grain: one row
-- params: project String
SELECT count() AS n                  -- stored records, copies included
FROM executions
WHERE project = {project:String}
