"""What keeps a host safe: containment, forks, clocks, worker threads, politeness towards the interpreter lock."""
