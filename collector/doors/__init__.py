"""What others reach over HTTP: OTLP, signals, status, and the SQL of an embedded store."""
