"""OTLP bodies to rows of `otel_traces`."""
