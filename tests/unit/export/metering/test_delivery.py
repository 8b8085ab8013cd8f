"""Events reach a system that answers as OpenMeter or Lago does, once, or the one at fault is named.

The servers are stand-ins (tests/metering_server.py): real ones were not run.
"""

from __future__ import annotations

import asyncio

import pytest

from streams.contract_files import bundled_contract, load_contracts
from streams.export.metering.delivery import Entry, Refused, Sender, Unavailable
from streams.export.metering.exporter import Exporter, Placed
from streams.export.metering.lines import LineReader
from streams.export.metering.systems import SYSTEMS, SystemName
from tests.billing_lines import CONTRACT, june
from tests.metering_server import MeteringServer

TOKEN = "planted-metering-token"
both = pytest.mark.parametrize("system", list(SYSTEMS))


def entries(system: SystemName, resolutions: int) -> list[Entry]:
    reader = LineReader(load_contracts([bundled_contract(CONTRACT)]), CONTRACT)
    items, adjustments = june(resolutions)
    records = [Placed(f"june:{n}", raw, n) for n, raw in enumerate([*items, *adjustments])]
    return Exporter(reader, SYSTEMS[system], "acme").entries(records)


def delivered(
    server: MeteringServer, some: list[Entry], *, retry_for_s: float = 30.0, timeout_s: float = 5.0
) -> Sender:
    """The sender that brought them to the server."""

    async def run() -> Sender:
        async with server, sender_to(server, retry_for_s, timeout_s) as sender:
            await sender.send(some)
        return sender

    return asyncio.run(run())


def sender_to(server: MeteringServer, retry_for_s: float = 30.0, timeout_s: float = 5.0) -> Sender:
    return Sender(
        SYSTEMS[server.system],  # type: ignore[index]
        server.url,
        TOKEN,
        retry_for_s=retry_for_s,
        first_wait_s=0.01,
        timeout_s=timeout_s,
    )


@both
def test_all_arrive_in_batches_that_the_system_takes(system: SystemName) -> None:
    some = entries(system, 300)
    server = MeteringServer(system)
    sender = delivered(server, some)
    assert len(some) > 250
    assert list(server.events) == [one.id for one in some]
    assert max(map(len, server.batches)) == SYSTEMS[system].most_at_once
    assert sender.tally.taken == len(some)
    assert {headers["Authorization"] for headers in server.headers} == {f"Bearer {TOKEN}"}


@both
@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_cannot_be_taken_now_is_sent_again(system: SystemName, status: int) -> None:
    some = entries(system, 5)
    server = MeteringServer(system, answers=[status, status])
    delivered(server, some)
    assert len(server.batches) == 3
    assert set(server.events) == {one.id for one in some}


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    some = entries("lago", 5)
    server = MeteringServer("lago", answers=[429], retry_after="40")
    with pytest.raises(Unavailable, match=r"june:1 .*status 429.*run it again"):
        delivered(server, some)
    assert len(server.batches) == 1  # 40 s were more than the 30 s that it may try


@both
def test_what_was_taken_before_is_counted_once(system: SystemName) -> None:
    some = entries(system, 200)
    server = MeteringServer(system)
    delivered(server, some[:130])
    total = server.total("amount")
    sender = delivered(server, some)
    assert set(server.events) == {one.id for one in some}
    assert server.repeated == 130
    assert server.total("amount") != total
    if system == "lago":  # it says so; OpenMeter takes them in silence
        assert sender.tally.known == 130
        assert sender.tally.taken == len(some) - 130


@both
def test_one_that_is_refused_is_named_and_nothing_after_it_is_sent(system: SystemName) -> None:
    some = entries(system, 200)
    for at in (0, 57, 99, 100, len(some) - 1):
        server = MeteringServer(system, refused={some[at].id})
        with pytest.raises(Refused) as raised:
            delivered(server, some)
        assert raised.value.entry == some[at]
        assert f"{some[at].where} ({some[at].id})" in str(raised.value)
        assert list(server.events) == [one.id for one in some[:at]]


def test_one_that_is_refused_among_those_that_lago_has_is_found() -> None:
    some = entries("lago", 40)
    server = MeteringServer("lago")
    delivered(server, some[:10])
    server.refused = {some[20].id}
    with pytest.raises(Refused) as raised:
        delivered(server, some)
    assert raised.value.entry == some[20]
    assert set(server.events) == {one.id for one in some[:20]}


@both
def test_a_gateway_s_409_to_a_single_event_means_that_it_is_there(system: SystemName) -> None:
    some = entries(system, 1)[:1]
    server = MeteringServer(system, answers=[409])
    assert delivered(server, some).tally.known == 1


@both
@pytest.mark.parametrize(
    ("status", "hint"), [(401, "check the token"), (403, "check the token"), (404, "check --to"),
                         (302, "check --to")]
)  # fmt: skip
def test_a_door_that_is_closed_is_no_event_s_fault(
    system: SystemName, status: int, hint: str
) -> None:
    some = entries(system, 150)
    server = MeteringServer(system, answers=[204 if system == "openmeter" else 429, status])
    with pytest.raises(Unavailable, match=hint) as raised:
        delivered(server, some)
    assert raised.value.entry == some[100 if system == "openmeter" else 0]
    assert len(server.batches) == 2
    assert TOKEN not in str(raised.value)


@both
@pytest.mark.parametrize("status", [200, 201, 206])
def test_somebody_else_s_success_is_not_the_system_s(system: SystemName, status: int) -> None:
    some = entries(system, 3)
    with pytest.raises(Unavailable, match="check --to"):
        delivered(MeteringServer(system, answers=[status]), some)


@both
def test_a_server_that_is_gone_is_told_with_the_first_event_that_it_lacks(
    system: SystemName,
) -> None:
    some = entries(system, 3)
    server = MeteringServer(system)

    async def run() -> None:
        async with sender_to(server, retry_for_s=0.05) as sender:
            await sender.send(some)

    with pytest.raises(Unavailable, match=rf"{some[0].where} .*ClientConnectorError"):
        asyncio.run(run())


def test_a_reason_that_repeats_the_token_is_shown_without_it() -> None:
    sender = sender_to(MeteringServer("openmeter"))
    shown = sender._why(400, f"bad Bearer {TOKEN}\x1b[2J".encode())
    assert TOKEN not in shown
    assert "\x1b" not in shown


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"error_details": []}', b'{"error_details": {"x": 1}}',
     b'{"error_details": {"7": {"transaction_id": ["value_already_exist"]}}}'],
)  # fmt: skip
def test_what_lago_says_of_places_that_are_not_there_divides_the_batch(body: bytes) -> None:
    sender = sender_to(MeteringServer("lago"))
    assert sender._refusal(422, body, 2) == (frozenset(), {})
