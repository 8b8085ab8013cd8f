"""What is shown to people and monitors: Prometheus metrics and the pages that serve them."""
