"""Ways in: foreign payloads from a Kafka topic, by webhook or from files, as canonical records."""
