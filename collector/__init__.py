"""OTLP in, ClickHouse out.

`store` is where rows are and who may open it; `otlp` makes rows of what is sent; `doors` are the ports; `rollup` keeps
the sums; `serve` runs all of it; `replay` sends what happened at another time. The typed tables are `executions`,
`plans` and `price_books`.
"""
