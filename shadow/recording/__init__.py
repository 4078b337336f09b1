"""From a closed request to its spans, off the request path: backlog, shadow runners, span writer, reloads."""
