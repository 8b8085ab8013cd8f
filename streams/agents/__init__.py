"""Thin Faust agents: each drives one domain stage with batches, and sends what comes of it."""
