"""Policies that ship with the SDK, one mechanism per file.

A chooser picks models for a request; `Composed` gives it a name, a version and fallbacks, and so makes it a policy.
"""
