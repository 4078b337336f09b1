-- what: whether any answer was run on purpose: where none was, nothing else about them has to be read
-- grain: one row
-- params: project String
SELECT count() AS n                  -- stored records, copies included
FROM executions
WHERE project = {project:String}
