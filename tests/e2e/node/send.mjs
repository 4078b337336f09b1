// Sends requests as a service in another language would: OpenTelemetry's own client, and the keys of docs/reference/spans.md.
// Usage: node send.mjs ENDPOINT PROJECT REQUESTS
import { context, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [endpoint, project, count] = process.argv.slice(2);
const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
const provider = new BasicTracerProvider({
  resource: resourceFromAttributes({ "service.name": "checkout", "llm_router.project": project }),
  spanProcessors: [new BatchSpanProcessor(exporter)],
});
const tracer = provider.getTracer("checkout-router", "2.3.0");

for (let i = 0; i < Number(count); i++) {
  const live = i % 4 === 0 ? "claude-sonnet-4-5" : "gpt-5";
  const request = {
    "llm_router.request.id": `node-${i}`,
    "llm_router.user.key": (i % 200).toString(16).padStart(16, "0"),
    "llm_router.task": i % 2 === 0 ? "extract" : "chat",
    "llm_router.labels": JSON.stringify({ team: "checkout" }),
    "llm_router.outcome.status": "complete",
    "llm_router.outcome.duration_s": 0.25,
    "gen_ai.response.model": live,
    "gen_ai.response.id": `resp-${i}`,
    "gen_ai.provider.name": "openai",
    "gen_ai.usage.input_tokens": 1000 + i,
    "gen_ai.usage.output_tokens": 0,
  };
  const route = tracer.startSpan("route", {
    attributes: {
      ...request,
      "llm_router.role": "live",
      "llm_router.policy.name": "main",
      "llm_router.policy.version": "aaaaaaaaaaaa",
      "llm_router.decision.model": live,
    },
  });
  const inRoute = trace.setSpan(context.active(), route);
  tracer.startSpan("shadow cheap", {
    attributes: {
      ...request,
      "llm_router.role": "shadow",
      "llm_router.policy.name": "cheap",
      "llm_router.policy.version": "bbbbbbbbbbbb",
      "llm_router.decision.model": "gpt-5-mini",
      "llm_router.live.model": live,
    },
  }, inRoute).end();
  route.end();
  tracer.startSpan("evaluation thumbs", {
    attributes: {
      "gen_ai.response.id": `resp-${i}`,
      "gen_ai.evaluation.name": "thumbs",
      "gen_ai.evaluation.score.value": i % 5 === 0 ? 0 : 1,
      "llm_router.signal.source": "user",
    },
  }).end();
}
await provider.forceFlush();
await provider.shutdown();
