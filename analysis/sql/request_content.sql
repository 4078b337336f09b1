-- what: prompt and answer of one request, where the service sends them
-- grain: one row, or none: the newest route span of the request that carries any
-- params: project String, request_id String, trace_id String
SELECT
  SpanAttributes['gen_ai.input.messages'] AS prompt,    -- JSON array of messages; empty = not sent
  SpanAttributes['gen_ai.output.messages'] AS answer    -- JSON array of messages; empty = not sent
FROM otel_traces
WHERE TraceId = {trace_id:String}
  AND SpanName = 'route'
  AND SpanAttributes['llm_router.request.id'] = {request_id:String}
  AND if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) = {project:String}
  AND (prompt != '' OR answer != '')
ORDER BY ingested_at DESC
LIMIT 1
