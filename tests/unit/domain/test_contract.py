"""Which terms are in force when, and which sets of terms cannot stand together."""

from __future__ import annotations

from dataclasses import replace

import pytest

from streams.domain.contract import Clause, ContractBook, ContractError
from tests.log_builder import CONTRACT, T
from tests.unit.oracle.verdicts import TERMS

FIRST = replace(TERMS, version=1, effective_from_ms=T(0), effective_to_ms=T(100))
SECOND = replace(TERMS, version=2, effective_from_ms=T(100), effective_to_ms=T(200))
BOOK = ContractBook([SECOND, FIRST])


@pytest.mark.parametrize(
    ("second", "version"), [(-1, 1), (0, 1), (99.999, 1), (100, 2), (199.999, 2), (200, 2)]
)
def test_the_terms_in_force_and_beyond_the_edges_the_nearest(second: float, version: int) -> None:
    assert BOOK.at(CONTRACT, T(second)).version == version


def test_in_a_gap_between_versions_the_earlier_holds() -> None:
    later = replace(SECOND, effective_from_ms=T(150))
    assert ContractBook([FIRST, later]).at(CONTRACT, T(120)).version == 1


def test_versions_stand_oldest_first_and_by_number() -> None:
    assert [terms.version for terms in BOOK.versions(CONTRACT)] == [1, 2]
    assert BOOK.version(CONTRACT, 2) == SECOND
    assert (CONTRACT in BOOK, "other" in BOOK, BOOK.names) == (True, False, (CONTRACT,))


@pytest.mark.parametrize("to", [None, T(100) + 1], ids=["without end", "by a millisecond"])
def test_overlapping_versions_are_refused(to: int | None) -> None:
    with pytest.raises(ContractError, match=f"{CONTRACT}: versions 1 and 2 overlap; end the"):
        ContractBook([replace(FIRST, effective_to_ms=to), SECOND])


def test_one_version_given_twice_is_refused() -> None:
    with pytest.raises(ContractError, match=f"{CONTRACT}: two documents have the same version"):
        ContractBook([FIRST, replace(SECOND, version=1)])


def test_versions_that_differ_in_inactivity_are_refused() -> None:
    with pytest.raises(ContractError, match=f"{CONTRACT}: `inactivity` differs"):
        ContractBook([FIRST, replace(SECOND, inactivity_ms=1)])


def test_two_contracts_do_not_meet() -> None:
    other = replace(FIRST, contract="other-2026", effective_to_ms=None, inactivity_ms=1)
    assert ContractBook([FIRST, SECOND, other]).names == ("other-2026", CONTRACT)


@pytest.mark.parametrize(
    ("value", "label"), [("SG", "SG"), ("unknown", "unknown"), ("FR", "other")]
)
def test_a_value_outside_the_scope_is_other(value: str, label: str) -> None:
    assert TERMS.bounded("market", value) == label


def test_a_filter_admits_the_keys_with_its_values() -> None:
    clause = Clause(
        id="c",
        indicator="escalation_wait",
        grouping=("channel", "market"),
        where=(("market", "SG"),),
    )
    assert [clause.admits(key) for key in (("chat", "SG"), ("chat", "MY"))] == [True, False]
