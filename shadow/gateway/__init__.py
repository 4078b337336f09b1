"""The router as a server: OpenAI's chat completions over HTTP, so that any OpenAI SDK works after a change of base_url.

Plain ASGI without a web framework, for light dependencies and little CPU per request.
"""
