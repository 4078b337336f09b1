"""One question each: bucket rows to estimates."""
