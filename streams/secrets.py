"""Secrets from the environment or a file, and no other way."""

from __future__ import annotations

from pathlib import Path

from streams.settings import Settings


class SecretError(RuntimeError):
    """A secret is not to be had; the message says which and why, and never the secret."""


def secret(settings: Settings, name: str) -> str:
    """The secret `name` of the settings, from its variable or the file of `<name>_file`.

    "" where neither is set; what ends the file's line is no part of it. Raises SecretError where
    both are set, or the file is unreadable or empty.
    """
    variable = f"BATON_{name.upper()}"
    said: str = getattr(settings, name).get_secret_value()
    file: Path | None = getattr(settings, f"{name}_file")
    if file is None:
        return said
    flag = f"--{name.replace('_', '-')}-file"
    if said:
        raise SecretError(f"{variable} and {flag} are both set; keep one of them")
    return secret_in(file, flag)


def secret_in(file: Path, flag: str) -> str:
    """The secret in a file that a flag names; what ends the file's line is no part of it.

    Raises SecretError where the file is unreadable or empty.
    """
    try:
        found = file.read_text(encoding="utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        raise SecretError(f"{flag} {file}: is not text in UTF-8") from None
    except OSError as error:
        raise SecretError(f"{flag} {file}: {error.strerror}") from None
    if not found:
        raise SecretError(f"{flag} {file}: is empty")
    return found
