"""The network between workers and brokers: cut, swallowing, or delivering late."""

from __future__ import annotations

import time

from tests.chaos.fault import Fault
from tests.chaos.proxy import Network
from tests.chaos.round import SESSION_TIMEOUT_S, Round


def _all_or_one_behind(round: Round) -> None:
    """Both workers reach the brokers through the network that will fail, or one of them alone."""
    round.start_worker(fronted=True)
    round.start_worker(fronted=bool(round.chance.randrange(2)))


def _fail(round: Round, network: Network) -> None:
    """At a random moment, for less or for more than the session lasts."""
    round.await_moment()
    round.cluster.network.become(network)
    shortly = round.chance.randrange(3) == 0
    longest = SESSION_TIMEOUT_S + 3
    round.idle(round.chance.uniform(0.2, 2) if shortly else round.chance.uniform(5, longest))
    since = time.monotonic()
    round.cluster.network.become("whole")
    round.await_recovery(since)


def cut(round: Round) -> None:
    """Connections between workers and brokers are dropped, and none can be made."""
    _fail(round, "cut")


def swallow(round: Round) -> None:
    """Connections stay open and what is sent is lost; then they are dropped."""
    _fail(round, "swallow")


def stall(round: Round) -> None:
    """Connections stay open and what is sent arrives, late, when the network is whole."""
    _fail(round, "stall")


FAULTS = tuple(
    Fault(name, strike, supervised=True, prepare=_all_or_one_behind, lasting_s=10)
    for name, strike in (("net-cut", cut), ("net-blackhole", swallow), ("net-stall", stall))
)
