"""OTLP in, ClickHouse out: receiver, writer, schema, rollup and the embedded store. Imports shadow."""
