"""The batch judge: DEFINITIONS.md once more, in plain sorted loops over a whole log."""
