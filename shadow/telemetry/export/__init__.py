"""Spans to OTLP over HTTP, off the request path."""
