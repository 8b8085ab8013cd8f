"""Adapters from other systems to canonical events: README.md here."""
