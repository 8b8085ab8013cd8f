"""Pure domain logic: no Faust, no Kafka, no Prometheus, no clock. DEFINITIONS.md is its
specification.
"""
