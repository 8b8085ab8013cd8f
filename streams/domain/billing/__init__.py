"""Billing, pure and incremental: facts in, signed items out. ../BILLING.md defines all of it."""
