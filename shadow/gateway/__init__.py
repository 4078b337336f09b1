"""The router as a server: OpenAI's chat completions over HTTP, so that any OpenAI SDK works by changing base_url.

Plain ASGI, without a web framework: the SDK stays light, and a request costs what routing it costs.
"""
