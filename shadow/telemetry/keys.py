"""Attribute names of the spans (docs/reference/spans.md): the only place where they are written.

`gen_ai.*` names follow open-telemetry/semantic-conventions-genai as of 2026-11; they are copied because the Python
constants are deprecated. Routing facts have no standard, so they live below the project's own `llm_router.`.
Integers travel as int, seconds and dollars as double, structured values as JSON strings. Absent means unknown.
"""

from __future__ import annotations

from typing import Final

SCOPE_NAME: Final = "shadowroute"
CONTRACT_VERSION: Final = 1
SCHEMA_URL: Final = f"urn:shadowroute:spans:{CONTRACT_VERSION}"

# resource
PROJECT: Final = "llm_router.project"
"""Tenant or environment; absent = `default`."""
ID_KEY: Final = "llm_router.id_key"
"""Key of the hashes of user and session ids: `secret` or `public`. Absent = unknown."""

# request
REQUEST_ID: Final = "llm_router.request.id"
REQUEST_TIME_US: Final = "llm_router.request.time_us"
ROLE: Final = "llm_router.role"
"""`live`, `shadow`, or `outcome` for a late one."""
ORIGIN: Final = "llm_router.origin"
REVISION: Final = "llm_router.revision"
USER_KEY: Final = "llm_router.user.key"
SESSION_KEY: Final = "llm_router.session.key"

HAS_TOOLS: Final = "llm_router.request.has_tools"
"""0 or 1; absent = unknown, as in the next."""
HAS_IMAGES: Final = "llm_router.request.has_images"

# segments
TASK: Final = "llm_router.task"
USER_TIER: Final = "llm_router.user.tier"
COMPLEXITY_BAND: Final = "llm_router.complexity.band"
INPUT_BAND: Final = "llm_router.input.band"
LABELS: Final = "llm_router.labels"
PROMPT_VERSION: Final = "gen_ai.prompt.version"
INPUT_TOKENS_ESTIMATE: Final = "llm_router.request.input_tokens_estimate"
SHADOWS: Final = "llm_router.shadows"
"""JSON array of {policy, version}: the shadows that were meant to decide on the request. Absent = not said."""

# decision
POLICY_NAME: Final = "llm_router.policy.name"
POLICY_VERSION: Final = "llm_router.policy.version"
DECISION_STATUS: Final = "llm_router.decision.status"
DECISION_MODEL: Final = "llm_router.decision.model"
DECISION_TIER: Final = "llm_router.decision.tier"
DECISION_ESCALATION_MODEL: Final = "llm_router.decision.escalation_model"
DECISION_STEPS_ID: Final = "llm_router.decision.steps_id"
DECISION_STEPS: Final = "llm_router.decision.steps"
DECISION_CANDIDATES: Final = "llm_router.decision.candidates"
DECISION_REASON: Final = "llm_router.decision.reason"
DECISION_CONFIDENCE: Final = "llm_router.decision.confidence"
DECISION_PROPENSITY: Final = "llm_router.decision.propensity"
DECISION_DURATION_S: Final = "llm_router.decision.duration_s"
DECISION_ESCALATED: Final = "llm_router.decision.escalated"
"""0 or 1. live: an escalation was paid; shadow: its validators refused the live answer. Absent = unknown."""
STATE_MODE: Final = "llm_router.state.mode"
LIVE_MODEL: Final = "llm_router.live.model"
LIVE_TIER: Final = "llm_router.live.tier"
LIVE_STEPS_ID: Final = "llm_router.live.steps_id"
SAMPLE_RATE: Final = "llm_router.sample_rate"
ERROR_TYPE: Final = "error.type"
ERROR_MESSAGE: Final = "llm_router.error.message"
RELOAD_ERROR: Final = "llm_router.reload.error"
"""Why the service still uses an old configuration. Absent = it does not, or does not know."""

# outcome
OUTCOME_STATUS: Final = "llm_router.outcome.status"
OUTCOME_CONTAMINATION: Final = "llm_router.outcome.contamination"
OUTCOME_NEEDS_REVIEW: Final = "llm_router.outcome.needs_review"
OUTCOME_DURATION_S: Final = "llm_router.outcome.duration_s"
OUTCOME_COST_USD: Final = "llm_router.outcome.cost_usd"
ATTEMPTS: Final = "llm_router.attempts"
ATTEMPT_KIND: Final = "llm_router.attempt.kind"
OPERATION_NAME: Final = "gen_ai.operation.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
RESPONSE_MODEL: Final = "gen_ai.response.model"
RESPONSE_ID: Final = "gen_ai.response.id"
PROVIDER_NAME: Final = "gen_ai.provider.name"
USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
USAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
USAGE_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"
REPORTED_MODEL: Final = "llm_router.outcome.reported_model"
"""The provider's own id of the model, for example with its date; absent = the name in `gen_ai.response.model`."""
OUTCOME_UNPRICED: Final = "llm_router.outcome.unpriced"
"""Terms under which the list price does not hold; then the span has no tokens, and its cost is unknown."""
TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"

# content, only if the service exports it
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"

# signals
EVALUATION_NAME: Final = "gen_ai.evaluation.name"
EVALUATION_SCORE: Final = "gen_ai.evaluation.score.value"
EVALUATION_LABEL: Final = "gen_ai.evaluation.score.label"
EVALUATION_EXPLANATION: Final = "gen_ai.evaluation.explanation"
EVALUATION_EVENT: Final = "gen_ai.evaluation.result"
SIGNAL_SOURCE: Final = "llm_router.signal.source"
SIGNAL_SCORER: Final = "llm_router.signal.scorer"
SIGNAL_DELETED: Final = "llm_router.signal.deleted"
