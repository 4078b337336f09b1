"""The evidence packet: all evidence of a rollout decision, in files that can be checked without a store."""
