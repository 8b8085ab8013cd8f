"""Grafana dashboards as code: one module a dashboard, made from the contracts.

Needs the extra `dashboards` (grafana-foundation-sdk); only `addresses` does without. No worker
imports this package.
"""
