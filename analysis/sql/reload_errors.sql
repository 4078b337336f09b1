-- what: services that still use an old configuration, because their files cannot be read
-- grain: one row per service whose newest request of the last day says so
-- params: project String
SELECT
  ServiceName AS service,
  argMax(SpanAttributes['llm_router.reload.error'], Timestamp) AS error -- as the service logs it
FROM otel_traces
WHERE if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) = {project:String}
  AND Timestamp > now() - INTERVAL 1 DAY
  AND SpanAttributes['llm_router.role'] = 'live'
GROUP BY service
HAVING error != ''
ORDER BY service
