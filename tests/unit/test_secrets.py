"""A secret comes from its variable or its file, and no message shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from streams.secrets import SecretError, secret
from streams.settings import Settings

SECRETS = [n for n, field in Settings.model_fields.items() if field.annotation is SecretStr]


def test_every_secret_has_a_variable_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert SECRETS
    file = tmp_path / "secret"
    file.write_text("from file\n")
    for name in SECRETS:
        assert secret(Settings(), name) == ""
        assert secret(Settings(**{f"{name}_file": file}), name) == "from file"
        with monkeypatch.context() as patch:
            patch.setenv(f"BATON_{name.upper()}", "from variable")
            assert secret(Settings(), name) == "from variable"


def test_no_representation_shows_a_secret() -> None:
    settings = Settings(**dict.fromkeys(SECRETS, "planted"))
    for shown in (repr(settings), str(settings), str(settings.model_dump())):
        assert "planted" not in shown


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_a_file_without_a_usable_secret_is_named(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    with pytest.raises(SecretError, match=r"--pages-token-file .*secret"):
        secret(Settings(pages_token_file=file), "pages_token")


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SecretError, match=r"--sasl-password-file .*absent: No such file"):
        secret(Settings(sasl_password_file=tmp_path / "absent"), "sasl_password")


def test_variable_and_file_at_once_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("planted one")
    settings = Settings(sasl_password=SecretStr("planted other"), sasl_password_file=file)
    with pytest.raises(SecretError, match="BATON_SASL_PASSWORD and --sasl-password-file") as caught:
        secret(settings, "sasl_password")
    assert "planted" not in str(caught.value)
