"""Past requests, through the SDK into the store: imported logs, recorded answers, simulations.

`readers` turn files into records, and `record` defines them. `feed` sends records at their own time and counts losses;
`logged` feeds answered calls, `routed` lets a router answer. `job` is one import.
"""
