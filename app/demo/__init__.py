"""A simulated week whose truth is known."""
