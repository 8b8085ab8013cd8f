from __future__ import annotations

from pathlib import Path

import pytest

from streams.doctor.files import look
from streams.doctor.finding import Finding
from streams.settings import Settings
from tests.examined import CONTRACT, faults, of


def found(now_ms: int = 1_790_000_000_000, **said: object) -> list[Finding]:
    return look(Settings(**({"contract": [CONTRACT]} | said)), now_ms)  # type: ignore[arg-type]


def test_a_sound_set_up_has_nothing_wrong(tmp_path: Path) -> None:
    assert not faults(found(state_dir=tmp_path / "state"))


def test_no_contract() -> None:
    told = of(found(contract=[]), "contract")
    assert told.verdict == "wrong"
    assert "--contract" in told.fix


def test_a_contract_that_cannot_be_judged_by(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(CONTRACT.read_text().replace("apiVersion", "apiVersoin", 1))
    told = of(found(contract=[broken]), "contract")
    assert told.verdict == "wrong"
    assert told.what.startswith(f"{broken}:")
    assert told.fix == f"baton contract check {broken}"


def test_a_contract_that_is_not_in_force_yet() -> None:
    told = of(found(now_ms=0), "contract")
    assert (told.verdict, "real-data" in told.what) == ("warn", True)


def test_a_secret_that_everybody_can_read(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret-of-the-pages")
    file.chmod(0o644)
    told = of(found(pages_token_file=file), "secrets")
    assert told.verdict == "warn"
    assert told.fix == f"chmod o-rwx {file}"
    assert "secret-of-the-pages" not in f"{told}"
    file.chmod(0o640)
    assert of(found(pages_token_file=file), "secrets").verdict == "ok"


def test_a_secret_that_is_not_there(tmp_path: Path) -> None:
    told = of(found(sasl_password_file=tmp_path / "none"), "secrets")
    assert told.verdict == "wrong"
    assert "--sasl-password-file" in told.what


def test_pages_that_would_be_open_to_the_network() -> None:
    told = of(found(host="0.0.0.0"), "pages")
    assert told.verdict == "wrong"
    assert "pages-token-file" in told.fix


def test_a_state_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    told = of(found(state_dir=tmp_path / "file" / "state"), "state")
    assert told.verdict == "wrong"
    assert "cannot be written" in told.what


@pytest.mark.parametrize(("free", "verdict"), [(10**8, "wrong"), (10**9, "warn"), (10**11, "ok")])
def test_room_for_tables(free: int, verdict: str) -> None:
    from streams.doctor.files import room

    assert room(Path("/state"), free).verdict == verdict
