"""`isolation: process`: a shadow policy in a process of its own, which can be killed, unlike a thread.

`pipe` is the protocol, `child` runs in the process, `process` starts, watches and ends it; `policies.recipe` builds the
policy there.
"""
