"""Requests of another time, through the SDK into the store: logs of others, recorded answers, simulations.

`readers` make records of files, and `record` says what one is. `feed` sends records at their own time and counts what
is lost; `logged` feeds calls that were answered, `routed` lets a router answer. `job` is one import.
"""
