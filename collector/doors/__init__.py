"""The HTTP interfaces: OTLP, signals, status, and the SQL of an embedded store."""
