"""`baton contract check`: everything that is wrong, each with its place, in one run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.contract_commands import CONTRACT, GOOD, WAIT, WITHIN, plain, run


def checked(folder: Path, text: str | bytes, *options: str) -> tuple[int, list[str]]:
    """Exit code and printed lines for one file of this text."""
    raw = text.encode() if isinstance(text, str) else text
    (folder / "c.yaml").write_bytes(raw)
    result = run(folder, "check", "c.yaml", *options)
    return result.exit_code, plain(result, folder).splitlines()


def test_a_sound_contract_is_told_in_a_line(tmp_path: Path) -> None:
    assert checked(tmp_path, GOOD) == (
        0,
        [
            "care version 1: 2 clauses, in force from 2026-01-01 to 2026-07-01 (Asia/Singapore)",
            "0 errors, 0 warnings",
        ],
    )


def test_errors_of_form_come_all_at_once_with_what_was_meant(tmp_path: Path) -> None:
    text = (
        GOOD.replace("timeZone: Asia/Singapore\n", "timeZome: Asia/Singapore\n", 1)
        .replace("[voice, chat]", "[voice, cht]")
        .replace("[MY]", "[my, NO]")
        .replace("inactivity: 30m", "inactivity: soon")
        .replace('capPercent: "10"', "capPercent: 10")
        .replace("sloRef: wait}", "sloRef: wiat}")
        .replace("budgetingMethod: Occurrences\n  objectives: [{target: 0.999}]", "objectives: []")
    )
    assert checked(tmp_path, text) == (
        1,
        [
            "c.yaml:4:1: error: spec.timeZone: is required and not there",
            "c.yaml:7:3: error: spec.timeZome: unknown key; did you mean 'timeZone'?; allowed:"
            " answer, atRisk, billing, csat, currency, effective, exclusions, firstResponse,"
            " fixedFee, handoff, inactivity, prices, qa, retention, reviews, rollUps, sampling,"
            " scope, serviceHours, serviceLevels, timeZone, verificationWindow, version",
            "c.yaml:8:29: error: spec.scope.channels[1]: 'cht' is not allowed here; did you mean"
            " 'chat'?; allowed: chat, email, messaging, voice",
            "c.yaml:8:45: error: spec.scope.markets[0]: must be an ISO 3166-1 alpha-2 code like"
            " SG, not 'my'; did you mean 'MY'?",
            "c.yaml:8:49: error: spec.scope.markets[1]: must be an ISO 3166-1 alpha-2 code like"
            " SG, not false, as YAML reads NO: put it in quotes",
            "c.yaml:9:15: error: spec.inactivity: must be a duration like 90s, 2m, 24h or 7d, not"
            " 'soon'",
            "c.yaml:14:45: error: spec.atRisk.capPercent: must be per cent as a decimal in quotes,"
            ' 0 to 100, like "12.5", not 10: put it in quotes',
            "c.yaml:18:16: error: spec.serviceLevels[0].sloRef: 'wiat' names no SLO document; did"
            " you mean 'wait'?; allowed: wait, within",
            "c.yaml:27:1: error: spec.budgetingMethod: is required and not there",
            "c.yaml:36:15: error: spec.objectives: must have exactly 1 entry, has 0",
            "10 errors, 0 warnings",
        ],
    )


def test_errors_of_meaning_come_all_at_once_too(tmp_path: Path) -> None:
    text = (
        GOOD.replace("2026-07-01T", "2025-07-01T")
        .replace("currency: SGD", "currency: SGE")
        .replace('weight: "100"', 'weight: "60"')
        .replace('{beyond: "0.9", percent: "100"}', '{beyond: "0.97", percent: "20"}')
        .replace("timeZone: Asia/Singapore}", "timeZone: Asia/Manila}")
        .replace("channel: chat}", "channel: email}")
    )
    path = "spec.indicator.spec.ratioMetric.good.metricSource.spec"
    assert checked(tmp_path, text) == (
        1,
        [
            "c.yaml:6:52: error: spec.effective.to: must be after `from`",
            "c.yaml:13:13: error: spec.currency: SGE is no currency of ISO 4217; did you mean"
            " 'SGD'?",
            "c.yaml:18:5: error: spec.serviceLevels: the weights of all service levels are 60 %"
            " together; they must be 100 %",
            "c.yaml:22:59: error: spec.serviceLevels[1].credits[1].beyond: 0.97 is still within"
            " the target, at least 0.95",
            "c.yaml:22:59: error: spec.serviceLevels[1].credits[1].beyond: bands go from the"
            " mildest on: `beyond` must fall from band to band",
            "c.yaml:22:76: error: spec.serviceLevels[1].credits[1].percent: bands go from the"
            " mildest on: `percent` must rise from band to band",
            f"c.yaml:52:31: warning: {path}.indicator: escalation_within will always be unknown:"
            " spec.handoff.thresholds of the contract has no email",
            f"c.yaml:52:67: error: {path}.where.channel: the scope of the contract lists no"
            " channel 'email'; allowed: chat, voice, other, unknown",
            "c.yaml:56:60: error: spec.timeWindow[0].calendar.timeZone: 'Asia/Manila' is not the"
            " contract's time zone; give Asia/Singapore",
            "8 errors, 1 warning",
        ],
    )


def test_a_note_is_counted_and_shown_where_it_is_asked_for(tmp_path: Path) -> None:
    text = GOOD.replace("0.95", "0.90").replace('"0.9"', '"0.8"').replace('"0.90"', '"0.85"', 1)
    version = "care version 1: 2 clauses, in force from 2026-01-01 to 2026-07-01 (Asia/Singapore)"
    assert checked(tmp_path, text) == (
        0,
        [version, "0 errors, 0 warnings, 1 note (--notes shows them)"],
    )
    assert checked(tmp_path, text, "--notes") == (
        0,
        [
            "c.yaml:19:15: note: spec.serviceLevels[1].sloRef: within lets 10 % be missed, so"
            " that a burn rate of 14.4 can never be seen; used are 9, 4.38, 2.47, 1",
            version,
            "0 errors, 0 warnings, 1 note",
        ],
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "c.yaml: error: holds no document; a contract begins with `apiVersion: baton/v1`"),
        ("# nothing\n", "c.yaml: error: holds no document; a contract begins with `apiVersion"),
        (b"\x7fELF\xff\xfe", "c.yaml: error: not UTF-8 at byte 4"),
        (b"PK\x03\x04", "c.yaml:1:3: error: not YAML: special characters are not allowed"),
        ("a: " + "x" * 300_000, "c.yaml: error: more than 262144 bytes; no contract is as long"),
        ("a:\n\tb: 1\n", "c.yaml:2:1: error: not YAML: a tab where YAML wants spaces"),
        ("a: [1\n", "c.yaml:2:1: error: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("just text\n", "c.yaml:1:1: error: kind is missing; allowed: ServiceContract, SLO"),
        ("- 1\n- 2\n", "c.yaml:1:1: error: kind is missing; allowed: ServiceContract, SLO"),
        ("kind: 7\n", "c.yaml:1:7: error: kind: kind is 7; allowed: ServiceContract, SLO"),
        ("kind: serviceContract\n", "kind is 'serviceContract'; did you mean 'ServiceContract'?"),
        (WAIT, "c.yaml:2:1: error: no ServiceContract document is in this file"),
        (CONTRACT + WAIT, "19:15: error: spec.serviceLevels[1].sloRef: 'within' names no SLO"),
        (CONTRACT, "'within' names no SLO document; there are none in this file"),
        (GOOD.replace("spec:\n  version", "spec: {}\nmore:\n  version"), "5:1: error: more: unk"),
        (GOOD.replace("effective: {from", "effective: {1: 2, from"), "spec.effective.1: unknown"),
        (GOOD.replace("metadata: {name: care}", "metadata: []"), "metadata: must be a mapping"),
    ],
    ids=range(17),
)
def test_what_is_no_contract_is_said_in_a_line_and_never_raised(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    code, lines = checked(tmp_path, text)
    assert code == 1
    assert any(says in line for line in lines), lines


def test_one_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("a: [\n")
    (tmp_path / "b.yaml").write_text(GOOD.replace("30m", "soon"))
    result = run(tmp_path, "check", "a.yaml", "b.yaml")
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in plain(result, tmp_path).splitlines()] == [
        "a.yaml",
        "b.yaml",
        "2 errors, 0 warnings",
    ]


def test_versions_in_several_files_are_held_against_each_other(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD)
    later = GOOD.replace("from: 2026-01-01", "from: 2026-06-01").replace("2026-07-01", "2027-01-01")
    later = later.replace("inactivity: 30m", "inactivity: 31m")
    (tmp_path / "b.yaml").write_text(later)
    result = run(tmp_path, "check", "a.yaml", "b.yaml")
    assert plain(result, tmp_path).splitlines()[:3] == [
        "b.yaml:5:12: error: spec.version: contract care has a version 1 already",
        "b.yaml:6:21: error: spec.effective.from: contract care: versions 1 and 1 overlap; end the"
        " earlier one where the later begins",
        "b.yaml:9:15: error: spec.inactivity: version 1 of contract care says 30m; it joins a"
        " conversation's activity into one run and must be the same in all versions",
    ]


def test_a_gap_between_versions_is_a_warning(tmp_path: Path) -> None:
    later = GOOD.replace("version: 1", "version: 2").replace("2026-07-01", "2027-01-01")
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yaml").write_text(later.replace("from: 2026-01-01", "from: 2026-08-01"))
    result = run(tmp_path, "check", "a.yaml", "b.yaml")
    assert result.exit_code == 0
    assert "version 1 judges what happens between" in result.output


def test_as_json_each_problem_has_its_parts(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        GOOD.replace("severity", "x").replace("[voice, chat]", "[cht]")
    )
    result = run(tmp_path, "check", "c.yaml", "--format", "json")
    report = json.loads(result.output)
    assert result.exit_code == 1
    assert report["contracts"] == []
    assert report["problems"] == [
        {
            "file": str(tmp_path / "c.yaml"),
            "line": 8,
            "column": 22,
            "severity": "error",
            "path": "spec.scope.channels[0]",
            "message": "'cht' is not allowed here",
            "allowed": ["chat", "email", "messaging", "voice"],
            "nearest": "chat",
        }
    ]


def test_as_json_a_sound_contract_is_named_with_its_clauses(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(GOOD)
    report = json.loads(run(tmp_path, "check", "c.yaml", "--format", "json").output)
    assert report == {
        "problems": [],
        "contracts": [
            {
                "contract": "care",
                "version": 1,
                "effective_from": "2025-12-31T16:00:00.000Z",
                "effective_to": "2026-06-30T16:00:00.000Z",
                "clauses": ["wait", "within"],
            }
        ],
    }


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    result = run(tmp_path, "check", "none.yaml")
    assert result.exit_code == 1
    assert plain(result, tmp_path) == "Error: none.yaml: no such file or folder\n"


def test_an_slo_that_nobody_names_is_a_warning(tmp_path: Path) -> None:
    spare = WITHIN.replace("name: within", "name: spare")
    code, lines = checked(tmp_path, GOOD + spare)
    assert code == 0
    assert lines[0] == (
        "c.yaml:62:18: warning: metadata.name: no contract here names the SLO spare"
    )


def test_versions_in_two_currencies_are_warned_of_for_nothing_of_them_is_billed(
    tmp_path: Path,
) -> None:
    (tmp_path / "one.yaml").write_text(GOOD)
    later = GOOD.replace("version: 1", "version: 2").replace("currency: SGD", "currency: EUR")
    later = later.replace("from: 2026-01-01", "from: 2026-07-01").replace(
        "to: 2026-07-01", "to: 2027-01-01"
    )
    (tmp_path / "two.yaml").write_text(later)
    result = run(tmp_path, "check", "one.yaml", "two.yaml")
    text = plain(result, tmp_path)
    assert result.exit_code == 0, text
    assert "two.yaml:13:13: warning: spec.currency: version 1 of contract care says SGD" in text
    assert "nothing of the contract is billed" in text


def test_a_key_without_a_value_is_warned_of_since_its_lines_may_be_lost(tmp_path: Path) -> None:
    code, lines = checked(tmp_path, GOOD.replace("  prices:\n", "  fixedFee:\n  prices:\n", 1))
    assert (code, lines[0]) == (
        0,
        "c.yaml:15:3: warning: spec.fixedFee: is empty, and counts as left out; give it a value, or"
        " take the key away",
    )
