"""Training of learned policies: examples from recorded outcomes or from the store, a fit, and what it is worth."""
