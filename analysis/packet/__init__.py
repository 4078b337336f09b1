"""The evidence packet: everything that a rollout was judged by, in files that can be checked without a store."""
