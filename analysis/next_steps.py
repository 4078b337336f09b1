"""Next steps that several figures share, with one wording."""

from typing import Final

PRICE_MODEL: Final = "add price_usd_per_million to models.yaml, or name the model under aliases of a priced one"
PIN_PRICES: Final = "pin prices: shadowroute up --prices models.yaml"
REPORT_SERVED: Final = "report what was served: request.served(reply), or observer.outcome(request_id, ...)"
FILTER_STATUS: Final = "open Requests and filter by status"
TELL_SESSIONS: Final = "set from_request.session in shadow.yaml, or let live send a few sessions to the model"
SEND_SIGNAL: Final = 'send one: observer.signal(reply.id, "resolved", 1)'
STATE_SHADOWS: Final = (
    "update the SDK of every service, or send llm_router.shadows (docs/reference/spans.md), and start the window after"
    " that"
)
