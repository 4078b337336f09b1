"""Recorded outcomes read through the real router, with the truth beside every estimate."""
