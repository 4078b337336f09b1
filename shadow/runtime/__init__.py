"""Safety of the host: containment, forks, clocks, worker threads, yielding of the interpreter lock."""
