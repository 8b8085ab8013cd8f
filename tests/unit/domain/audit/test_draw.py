"""The draw follows from names and secrets alone, and can be repeated with any HMAC-SHA256."""

from __future__ import annotations

import hashlib
import hmac
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.audit.draw import DrawError, Place, commitment, draw_key, drawn, ticket
from streams.domain.audit.strata import HeldFrame, Unit
from tests.log_builder import LIFE
from tests.unit.domain.audit.frames import KEY, contained, ended, frame

SECRET = "s" * 32
UNIT = Unit("conv-1", LIFE, 2)


def test_a_commitment_is_what_the_readme_says_and_any_tool_computes() -> None:
    said = f'["baton.audit.commitment.v1","care","2026-06","{SECRET}"]'
    assert commitment("care", "2026-06", SECRET) == hashlib.sha256(said.encode()).hexdigest()


def test_a_ticket_is_a_plain_hmac_of_the_name() -> None:
    said = b'["care","2026-06","conv-1","2026-03-02",2]'
    wanted = hmac.new(SECRET.encode(), said, hashlib.sha256).hexdigest()
    assert ticket(draw_key([SECRET]), "care", "2026-06", UNIT) == wanted


@pytest.mark.parametrize(
    "other",
    [("bank", "2026-06", SECRET), ("care", "2026-07", SECRET), ("care", "2026-06", "t" * 32)],
)
def test_a_commitment_binds_contract_period_and_secret(other: tuple[str, str, str]) -> None:
    assert commitment(*other) != commitment("care", "2026-06", SECRET)


@pytest.mark.parametrize("secret", ["", "s" * 31, "s" * 32 + "\n" + "t" * 32])
def test_a_secret_that_can_be_guessed_or_split_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(DrawError) as raised:
        commitment("care", "2026-06", secret)
    assert not secret or secret not in str(raised.value)


def test_the_key_needs_every_secret_and_not_their_order() -> None:
    mine, yours = "m" * 32, "y" * 32
    assert draw_key([mine, yours]) == draw_key([yours, mine])
    assert len({draw_key([mine]), draw_key([yours]), draw_key([mine, yours])}) == 3


@pytest.mark.parametrize("given_secrets", [[], [SECRET, SECRET]])
def test_a_draw_needs_secrets_that_differ(given_secrets: list[str]) -> None:
    with pytest.raises(DrawError):
        draw_key(given_secrets)


@given(seed=st.integers(0, 10**6), size=st.integers(1, 30))
def test_the_lowest_tickets_win_in_whatever_order_episodes_came(seed: int, size: int) -> None:
    told = list(contained(30))
    random.Random(seed).shuffle(told)
    one = frame(told)
    (stratum,) = one.census.populations
    found = drawn(one, {stratum: size}, KEY, "2026-06")
    tickets = {ticket(KEY, one.contract, "2026-06", m.unit): m.unit for m in one.members}
    wanted = [tickets[each] for each in sorted(tickets)[:size]]
    assert list(found) == wanted
    assert [place.rank for place in found.values()] == list(range(1, size + 1))
    assert [place.ticket for place in found.values()] == sorted(tickets)[:size]


def test_a_larger_sample_holds_the_smaller_one() -> None:
    one = frame(list(contained(50)))
    (stratum,) = one.census.populations
    small, large = (drawn(one, {stratum: size}, KEY, "p").keys() for size in (10, 20))
    assert small < large


def test_what_other_strata_hold_changes_nothing_in_one() -> None:
    few = frame(list(contained(20)))
    more = frame([*contained(20), *(ended(f"t-{n}", "trapped") for n in range(9))])
    (stratum,) = few.census.populations

    def of(one: HeldFrame) -> list[tuple[Unit, Place]]:
        found = drawn(one, dict.fromkeys(one.census.populations, 5), KEY, "p")
        mine = {unit for unit, its in one.units() if its == stratum}
        return [(unit, place) for unit, place in found.items() if unit in mine]

    assert of(few) == of(more)
