"""Adapters from other systems' logs to canonical events, one module a format."""
