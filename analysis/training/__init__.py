"""Training of learned policies: examples from recorded outcomes or from the store, a fit, and its evaluation."""
