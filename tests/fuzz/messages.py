"""What every documented error's message must be: one plain line, and nothing out of the payload."""

from __future__ import annotations

# Stands in hostile values. No identifier or term of a log has both a space and an apostrophe.
CANARY = "Jane O'Canary"
MAX_MESSAGE = 1000


def assert_said(message: str) -> None:
    """There is a message at all."""
    assert message.strip(), "an error must say something"


def assert_plain(message: str, names: str = "") -> None:
    """The message can be written to a log or a header, and names the place."""
    assert_said(message)
    assert names in message
    message.encode("utf-8")
    assert message.isprintable(), f"not one printable line: {message!r}"
    assert len(message) <= MAX_MESSAGE, f"{len(message)} characters: {message[:100]!r}"


def assert_silent(message: str, names: str = "") -> None:
    """Besides, it does not quote what may be a customer's name."""
    assert_plain(message, names)
    assert CANARY not in message
    assert "Canary" not in message
