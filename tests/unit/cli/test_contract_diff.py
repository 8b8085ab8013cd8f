"""`baton contract diff`: what changes for whom, in words."""

from __future__ import annotations

import json
from pathlib import Path

from tests.unit.cli.contract_commands import GOOD, plain, run

LATER = (
    GOOD.replace("from: 2026-01-01", "from: 2026-07-01")
    .replace("to: 2026-07-01", "to: 2027-01-01")
    .replace("version: 1", "version: 2")
    .replace("chat: 120s", "chat: 90s")
    .replace("target: 0.95}", "target: 0.97}")
    .replace('"1.20"', '"1.10"')
)
CHANGES = [
    "care version 1 -> 2",
    "  from 2026-07-01 chat customers in MY may wait 90 s instead of 120 s for a human: stricter"
    " for the supplier",
    "  from 2026-07-01 within: at least 97 % instead of 95 %: stricter for the supplier",
    "  from 2026-07-01 a verified resolution costs SGD 1.10 instead of SGD 1.20: stricter for the"
    " supplier",
]


def compared(folder: Path, first: str, second: str, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of the comparison of two files of these texts."""
    (folder / "a.yaml").write_text(first)
    (folder / "b.yaml").write_text(second)
    result = run(folder, "diff", *(arguments or ("a.yaml", "b.yaml")))
    return result.exit_code, plain(result, folder).splitlines()


def test_the_same_terms_differ_in_nothing_however_they_are_written(tmp_path: Path) -> None:
    other = "# other words\n" + GOOD.replace("chat: 120s", "chat: 2m").replace('"1.20"', '"1.2"')
    assert compared(tmp_path, GOOD, other) == (0, ["nothing differs"])


def test_a_later_version_follows_the_one_before_it(tmp_path: Path) -> None:
    assert compared(tmp_path, GOOD, LATER) == (1, CHANGES)


def test_two_versions_of_one_file_are_compared_by_number(tmp_path: Path) -> None:
    both = GOOD + "---\n" + LATER.split("---\n")[0]
    code, lines = compared(tmp_path, both, both, "a.yaml@1", "a.yaml@2")
    assert code == 1
    assert lines == [CHANGES[0], CHANGES[1], CHANGES[3]]
    assert compared(tmp_path, both, both, "a.yaml") == (code, lines)


def test_a_change_within_a_version_has_no_date(tmp_path: Path) -> None:
    assert compared(tmp_path, GOOD, GOOD.replace("voice: 60s", "voice: 75s")) == (
        1,
        [
            "care version 1",
            "  voice customers in MY may wait 75 s instead of 60 s for a human: looser for the"
            " supplier",
        ],
    )


def test_contracts_in_one_file_only_are_told(tmp_path: Path) -> None:
    assert compared(tmp_path, GOOD, GOOD.replace("{name: care}", "{name: sales}")) == (
        1,
        ["care: version 1 is not there any more", "sales: version 1 is new"],
    )


def test_as_json_each_change_has_its_effect(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(LATER)
    result = run(tmp_path, "diff", "a.yaml", "b.yaml", "--format", "json")
    (step,) = json.loads(result.output)
    assert result.exit_code == 1
    assert (step["contract"], step["from_version"], step["to_version"]) == ("care", 1, 2)
    assert step["effective_from"] == "2026-06-30T16:00:00.000Z"
    assert step["changes"][1] == {
        "area": "clause",
        "clause": "within",
        "text": "at least 97 % instead of 95 %",
        "effect": "stricter",
    }


def test_what_cannot_be_compared_is_neither_the_same_nor_different(tmp_path: Path) -> None:
    assert compared(tmp_path, GOOD, GOOD, "a.yaml") == (
        2,
        ["Error: a.yaml: no contract in it has two versions"],
    )
    assert compared(tmp_path, GOOD, GOOD, "a.yaml@7", "b.yaml") == (
        2,
        ["Error: a.yaml has no version 7; there are: care 1"],
    )
    assert compared(tmp_path, GOOD.replace("30m", "soon"), GOOD) == (
        2,
        [
            "Error: a.yaml:9:15: spec.inactivity: must be a duration like 90s, 2m, 24h or 7d, not"
            " 'soon' (1 in all: baton contract check a.yaml)"
        ],
    )
