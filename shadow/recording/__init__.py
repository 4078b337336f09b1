"""From a closed request to its spans, behind the back of the caller: backlog, shadow runners, span writer, reloads."""
