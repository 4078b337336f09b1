"""Next steps that several figures share, with one wording."""

from typing import Final

PRICE_MODEL: Final = "add price_usd_per_million to models.yaml, or name the model under aliases of a priced one"
REPORT_SERVED: Final = "report what was served: request.served(reply), or observer.outcome(request_id, ...)"
FILTER_STATUS: Final = "open Requests and filter by status"
SEND_SIGNAL: Final = 'send one: observer.signal(reply.id, "resolved", 1)'
