-- what: decision spans that lack a required attribute, so that they are in no figure
-- grain: one row; n is 0 if there is none
-- params: project String
SELECT
  count() AS n,                      -- spans, copies included
  anyLast(SpanName) AS name          -- one of them
FROM otel_traces
WHERE if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) = {project:String}
  AND SpanAttributes['llm_router.role'] IN ('live', 'shadow')
  AND (SpanAttributes['llm_router.request.id'] = '' OR SpanAttributes['llm_router.policy.name'] = '')
