"""Parts of the adapters of help desks."""
