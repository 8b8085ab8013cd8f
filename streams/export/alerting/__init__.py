"""Contracts as Prometheus rules, their tests, and Alertmanager's routes: what pages, and whom."""
