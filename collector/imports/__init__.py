"""Day 0: logs that others wrote become live rows, over the same path that a service's own records take."""
