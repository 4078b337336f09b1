"""OTLP in, ClickHouse out.

`store` holds the rows and controls access to them; `otlp` turns OTLP bodies into rows; `doors` are the ports; `rollup`
keeps the sums; `serve` runs all of it; `replay` sends past requests. The typed tables are `executions`, `plans` and
`price_books`.
"""
