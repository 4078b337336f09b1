"""Files that others wrote, as records: logs of gateways and traces, tables of calls, of answers, of executions."""
