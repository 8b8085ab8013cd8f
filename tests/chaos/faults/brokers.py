"""Brokers that die: the leader of a partition, the controller, all of them."""

from __future__ import annotations

import time

from streams.kafka import topics
from tests.chaos.fault import Fault
from tests.chaos.round import PARTITIONS, Round


def _kill_for_a_while(round: Round, broker: int) -> None:
    kafka = round.cluster.kafka
    since = time.monotonic()
    kafka.kill(broker)
    try:
        round.await_recovery(since)
        round.idle(round.chance.uniform(0, 1))
    finally:
        kafka.restart(broker)


def leader(round: Round) -> None:
    """SIGKILL the leader of a random partition of a topic that is written to."""
    round.await_moment()
    names = [
        round.run.topic(name) for name in (topics.EVENTS, topics.FACTS, topics.LINKS, topics.DELTAS)
    ]
    topic = round.chance.choice([*names, *round.changelogs, "__consumer_offsets"])
    partition = round.chance.randrange(PARTITIONS)
    _kill_for_a_while(round, round.cluster.leader(topic, partition))


def controller(round: Round) -> None:
    """SIGKILL the broker whose controller is active."""
    round.await_moment()
    _kill_for_a_while(round, round.cluster.controller())


def all_restarted(round: Round) -> None:
    """SIGKILL every broker, start every broker."""
    round.await_moment()
    round.cluster.kafka.restart_all()
    round.await_recovery(time.monotonic())


FAULTS = (
    Fault("broker-leader", leader, supervised=True),
    Fault("broker-controller", controller, supervised=True),
    Fault("broker-all", all_restarted, supervised=True),
)
