"""`isolation: process`: a shadow policy in a process of its own, which can be killed where a thread cannot.

`recipe` says how the policy is built there, `pipe` how both sides talk, `child` is the other process, and `process`
starts, watches and ends it.
"""
