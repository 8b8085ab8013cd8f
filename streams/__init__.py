"""Baton: holds AI-heavy customer-service contracts to their word, from the event stream."""
