"""The evidence packet: everything that a rollout was judged by, in files that anybody can check without a store."""
