-- what: services whose newest live span with a user or session key says what keyed it
-- grain: one row per service; recorded and simulated traffic is left out
-- params: project String, first Date, last Date
SELECT
  ServiceName AS service,
  argMax(ResourceAttributes['llm_router.id_key'], Timestamp) AS id_key  -- secret or public; empty = unknown
FROM otel_traces
WHERE if(ResourceAttributes['llm_router.project'] = '', 'default', ResourceAttributes['llm_router.project']) = {project:String}
  AND toDate(Timestamp) BETWEEN {first:Date} AND {last:Date}
  AND SpanAttributes['llm_router.role'] = 'live'
  AND SpanAttributes['llm_router.origin'] IN ('', 'production')
  AND (SpanAttributes['llm_router.user.key'] != '' OR SpanAttributes['llm_router.session.key'] != '')
GROUP BY service
ORDER BY service
