"""Readers of external files: logs of gateways and traces, tables of calls, of answers, of executions."""
