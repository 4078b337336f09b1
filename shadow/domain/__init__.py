"""The nouns of routing, without I/O: request, features, decision and policy, snapshot, outcome, usage, signals."""
