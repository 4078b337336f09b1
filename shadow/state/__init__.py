"""The router's state of models, sessions and spending: written by every attempt, read by policies as a snapshot."""
