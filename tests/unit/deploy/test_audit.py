"""What `make audit` makes of pip-audit's answer: silence is not a clean bill."""

from __future__ import annotations

import json

from deploy.supply_chain.audit import verdict

CLEAN = {"name": "attrs", "version": "26.1.0", "vulns": []}


def answer(*packages: object) -> str:
    return json.dumps({"dependencies": packages, "fixes": []})


def test_clean_is_every_package_without_a_finding() -> None:
    assert verdict(answer(CLEAN, CLEAN), "")[0] == 0


def test_a_finding_is_named_with_the_version_that_mends_it() -> None:
    found = {"id": "PYSEC-1", "fix_versions": ["2.0"], "aliases": [], "description": ""}
    code, message = verdict(answer(CLEAN, {**CLEAN, "vulns": [found]}), "")
    assert code == 1
    assert message.startswith("attrs 26.1.0: PYSEC-1 (fixed in 2.0)")


def test_a_package_that_was_not_asked_for_is_not_clean() -> None:
    code, message = verdict(answer(CLEAN, {"name": "yarl", "skip_reason": "not found"}), "")
    assert code == 2
    assert "could not be asked for 1 packages" in message
    assert message.endswith("It said: not found")


def test_no_answer_is_not_clean() -> None:
    assert verdict("", "Traceback ...\nConnectionError: no route")[0] == 2
    assert verdict(answer(), "")[0] == 2
