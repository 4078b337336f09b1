"""The files that `shadowroute init` writes: a routing folder to start from."""
