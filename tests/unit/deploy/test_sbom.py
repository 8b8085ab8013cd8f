"""What the bill of materials is held to: every pin of the lock file with all its hashes."""

from __future__ import annotations

from pathlib import Path

from deploy.supply_chain.sbom import listed, pins

LOCK = Path(__file__).parents[3] / "requirements.lock"


def test_pins_are_read_with_markers_and_hashes() -> None:
    lock = (
        "attrs==26.1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
        "uvloop==0.23.0 ; sys_platform != 'win32' \\\n    --hash=sha256:cc\n"
    )
    assert pins(lock) == {("attrs", "26.1.0"): 2, ("uvloop", "0.23.0"): 1}


def test_every_pin_of_the_lock_file_has_a_hash() -> None:
    found = pins(LOCK.read_text(encoding="utf-8"))
    assert len(found) > 20
    assert all(found.values())


def test_components_are_read_with_their_hashes() -> None:
    reference = {"type": "distribution", "hashes": [{"alg": "SHA-256", "content": "aa"}]}
    component = {"name": "attrs", "version": "1", "externalReferences": [reference]}
    assert listed({"components": [component]}) == {("attrs", "1"): 1}
