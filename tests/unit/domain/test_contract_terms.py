"""Contract files to terms; an error names file, line, column, the key, and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract import Clause, ContractBook, ContractError
from streams.domain.contract_document import duration_ms
from streams.domain.contract_source import SourceDocument
from streams.domain.contract_terms import terms_from_documents
from tests.unit.oracle.verdicts import BOOK, TERMS

GOOD = """\
apiVersion: baton/v1
kind: ServiceContract
metadata: {name: care}
spec:
  version: 2
  effective: {from: 2026-01-01T00:00:00+08:00, to: 2027-01-01T00:00:00+08:00}
  timeZone: Asia/Singapore
  scope: {channels: [voice, chat], markets: [SG]}
  inactivity: 30m
  verificationWindow: 7d
  handoff:
    thresholds: {voice: 60s, chat: 1500ms}
    requiredContext: [issue]
  rollUps: [[market]]
  serviceLevels:
    - {sloRef: wait}
    - {sloRef: errors, minimumVolume: 20, hysteresis: "0.02", severity: ticket}
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: wait}
spec:
  service: care
  indicator:
    metadata: {name: wait}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: baton
            spec: {indicator: escalation_wait, where: {channel: chat}}
  timeWindow: [{duration: 5m, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: errors}
spec:
  service: care
  indicator:
    metadata: {name: errors}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            type: baton
            spec: {indicator: failure_share, reason: tool_error, grouping: [market, channel]}
  timeWindow: [{duration: 1h, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.7}]
"""


def loaded(tmp_path: Path, *texts: str) -> ContractBook:
    """The book of files with these texts, c0.yaml, c1.yaml, ..."""
    for number, text in enumerate(texts):
        (tmp_path / f"c{number}.yaml").write_text(text)
    return load_contracts([tmp_path])


def refused(tmp_path: Path, *texts: str) -> str:
    """The message, with paths as names only."""
    with pytest.raises(ContractError) as caught:
        loaded(tmp_path, *texts)
    return str(caught.value).replace(f"{tmp_path}/", "")


def test_terms_are_integers_and_instants_are_utc(tmp_path: Path) -> None:
    (terms,) = loaded(tmp_path, GOOD).versions("care")
    assert (terms.version, terms.inactivity_ms, terms.verification_ms) == (
        2,
        1_800_000,
        604_800_000,
    )
    assert terms.effective_from_ms == 1_767_196_800_000
    assert terms.thresholds_ms == {"voice": 60_000, "chat": 1_500}
    assert terms.escalation_expiry_ms == 7 * 86_400_000


def test_a_clauses_target_is_in_parts_per_million_and_a_bad_share_is_a_limit(
    tmp_path: Path,
) -> None:
    (terms,) = loaded(tmp_path, GOOD).versions("care")
    assert terms.clauses == (
        Clause(
            id="wait",
            indicator="escalation_wait",
            grouping=("channel",),
            where=(("channel", "chat"),),
        ),
        Clause(
            id="errors",
            indicator="failure_share",
            grouping=("channel", "market"),
            window_ms=3_600_000,
            target_ppm=300_000,
            hysteresis_ppm=20_000,
            minimum_volume=20,
            severity="ticket",
            reason="tool_error",
        ),
    )


def test_what_a_clause_is_judged_by_is_published_too(tmp_path: Path) -> None:
    (terms,) = loaded(tmp_path, GOOD).versions("care")
    assert terms.groupings == (("market",), ("channel",), ("channel", "market"))


def test_the_bundled_contracts_load() -> None:
    assert load_contracts([bundled_contract("telco-2026")]).names == BOOK.names
    assert len(TERMS.clauses) == 6


def test_the_order_of_documents_does_not_matter(tmp_path: Path) -> None:
    documents = GOOD.split("---\n")
    backwards = loaded(tmp_path, "---\n".join(reversed(documents))).versions("care")
    assert backwards == loaded(tmp_path, GOOD).versions("care")


def test_two_files_may_each_have_an_slo_of_one_name(tmp_path: Path) -> None:
    other = GOOD.replace("name: care", "name: sales").replace("target: 0.7", "target: 0.6")
    book = loaded(tmp_path, GOOD, other)
    assert [book.versions(name)[0].clauses[1].target_ppm for name in ("care", "sales")] == [
        300_000,
        400_000,
    ]


CASES: list[tuple[str, str, str]] = [
    ("inactivity: 30m", "inactivity: soon", "c0.yaml:9:15: spec.inactivity: must be a duration"),
    ("inactivity: 30m", "inactivity: 0s", "like 90s, 2m, 24h or 7d, not '0s'"),
    ("inactivity: 30m", "inactivity: 36501d", "'36501d' is more than 36500d, the longest"),
    ("  inactivity: 30m\n", "", "c0.yaml:4:1: spec.inactivity: is required and not there"),
    ("  timeZone:", "  timeZome:", "c0.yaml:4:1: spec.timeZone: is required and not there"),
    ("Asia/Singapore", "Asia/Singapur", "7:13: spec.timeZone: 'Asia/Singapur' is not an IANA"),
    ("Asia/Singapore", "Asia/Singapur", "like Asia/Manila; did you mean 'Asia/Singapore'?"),
    ("+08:00, to", ", to", "spec.effective.from: must be a time with an offset, like 2026-01-01T"),
    ("2027-01-01T", "2025-01-01T", "c0.yaml:6:52: spec.effective.to: must be after `from`"),
    ("2026-01-01T", "9001-01-01T", "spec.effective.from: must lie in the years 1 to 9000"),
    ("[voice, chat]", "[voice, fax]", "spec.scope.channels[1]: 'fax' is not allowed here; allowed"),
    ("[voice, chat]", "[voice, chatt]", "did you mean 'chat'?; allowed: chat, email, messaging,"),
    ("{voice: 60s", "{fax: 60s", "c0.yaml:12:18: spec.handoff.thresholds.fax: unknown key"),
    ("markets: [SG]", "markets: [NO]", "not false, as YAML reads NO: put it in quotes"),
    ("markets: [SG]", "markets: SG", "spec.scope.markets: must be a list, not 'SG'"),
    ("version: 2", "version: 0", "spec.version: must be a whole number from 1 to 2147483647"),
    ("version: 2", "version: two", "not 'two'"),
    ("[[market]]", "[[weather]]", "spec.rollUps[0][0]: 'weather' is not allowed here; allowed"),
    ("sloRef: wait}", "sloRef: weight}", "16:16: spec.serviceLevels[0].sloRef: 'weight' names"),
    ("sloRef: wait}", "sloRef: weight}", "did you mean 'wait'?; allowed: errors, wait"),
    ("sloRef: errors", "sloRef: wait", "17:16: spec.serviceLevels[1].sloRef: the SLO 'wait'"),
    ("name: errors}\nspec", "name: wait}\nspec", "'errors' names no SLO document; allowed: wait"),
    ('"0.02"', '"2 %"', "spec.serviceLevels[1].hysteresis: must be a decimal from 0 to 1"),
    ('"0.02"', "0.02", "not 0.02: put it in quotes"),
    ("severity: ticket", "severity: fire", "serviceLevels[1].severity: 'fire' is not allowed here"),
    ("target: 0.7}", "target: 1.7}", "53:25: spec.objectives[0].target: 1.7 must lie in 0..1"),
    ("target: 0.7}", "target: 0.1234567}", "with at most 6 decimals"),
    ("duration: 1h", "duration: 2h", "spec.timeWindow[0].duration: '2h' is not allowed here"),
    ("duration: 1h", "duration: 1d", "a window of 1d is a calendar window: isRolling: false"),
    ("1h, isRolling: true", "1h, isRolling: false", "a window of 1h is a rolling window"),
    ("1h, isRolling: true", "1M, isRolling: false", "timeWindow[0].calendar: a calendar window"),
    ("  objectives: [{target: 0.7}]", "", "spec.objectives: is required and not there"),
    ("reason: tool_error, ", "", "failure_share needs the reason it is about"),
    ("bad:", "good:", "failure_share stands under `bad`: more of it is worse"),
    ("good:", "bad:", "escalation_wait stands under `good`: more of it is better"),
    ("good:", "total:", "spec.indicator.spec.ratioMetric: needs exactly one of `good` and `bad`"),
    ("escalation_wait", "average_wait", "'average_wait' is not allowed here; "),
    ("{channel: chat}", "{channel: email}", "lists no channel 'email'; allowed: chat, voice, oth"),
    ("type: baton", "type: prom", "metricSource.type: 'prom' is not allowed here; allowed: baton"),
    ("reason: tool_error", "reason: tool_errors", "'tool_errors' is not allowed here; did you"),
    ("kind: SLO", "kind: SLOW", "20:7: kind: kind is 'SLOW'; did you mean 'SLO'?; allowed: Serv"),
    ("metadata: {name: care}", "metadata: {name: Care!}", "metadata.name: must be a name of sma"),
    ("spec:\n  version", "spec:\n\tversion", "c0.yaml:5:1: not YAML: a tab where YAML wants spac"),
]  # fmt: skip


@pytest.mark.parametrize(("good", "bad", "says"), CASES)
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(
    tmp_path: Path, good: str, bad: str, says: str
) -> None:
    assert GOOD.count(good) >= 1
    message = refused(tmp_path, GOOD.replace(good, bad, 1))
    assert message.startswith("c0.yaml:")
    assert says in message


def test_an_slo_that_is_defined_twice_is_named_where_it_stands_again(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD + "---\n" + GOOD.split("---\n")[1])
    assert message == "c0.yaml:57:18: metadata.name: the SLO 'wait' is defined twice"


def test_a_loaded_contract_names_the_first_error_and_how_many_more_there_are(
    tmp_path: Path,
) -> None:
    message = refused(tmp_path, GOOD.replace("30m", "soon").replace("page", "x").replace("7d", "x"))
    assert message == (
        "c0.yaml:9:15: spec.inactivity: must be a duration like 90s, 2m, 24h or 7d, not 'soon'"
        " (and 1 more: baton contract check c0.yaml)"
    )


def test_two_versions_that_overlap_are_refused(tmp_path: Path) -> None:
    later = GOOD.replace("version: 2", "version: 3")
    assert "care: versions 2 and 3 overlap; end the earlier one" in refused(tmp_path, GOOD, later)


def test_without_a_contract_there_is_nothing_to_serve(tmp_path: Path) -> None:
    message = refused(tmp_path, GOOD.split("---\n")[1])
    assert message == "c0.yaml:1:1: no ServiceContract document is in this file"


def test_a_folder_without_files_is_nothing_to_serve(tmp_path: Path) -> None:
    assert (
        refused(tmp_path) == "no contract file was found; name one, or a folder with *.yaml in it"
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"none\.yaml: no such file or folder"):
        load_contracts([tmp_path / "none.yaml"])


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "c0.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ContractError, match=r"c0\.yaml"):
        load_contracts([tmp_path])


def test_a_contract_that_does_not_come_with_baton_is_named() -> None:
    with pytest.raises(ContractError, match="no contract 'nobody' comes with Baton"):
        bundled_contract("nobody")


@pytest.mark.parametrize("content", [None, [], "text", {"kind": None}])
def test_a_document_of_no_kind_is_refused(content: Any) -> None:
    document = SourceDocument("f.yaml", content, line=7)
    with pytest.raises(ContractError, match=r"f\.yaml:7:1: .*kind is missing; allowed: Serv"):
        terms_from_documents([document])


@pytest.mark.parametrize(
    ("text", "ms"), [("250ms", 250), ("90s", 90_000), ("2m", 120_000), ("24h", 86_400_000)]
)
def test_a_duration_is_a_number_and_a_unit(text: str, ms: int) -> None:
    assert duration_ms(text) == ms


@pytest.mark.parametrize("text", ["", "90", "s", "1.5h", "-1s", "0s", "01s", "1 h", "1w", "90S"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ContractError, match="is not a duration like 90s, 2m, 24h or 7d"):
        duration_ms(text)
