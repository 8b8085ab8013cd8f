"""Which partition each part of a stage's steps goes to: by key to windows, by customer to links."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from streams.domain.contract import Dimension
from streams.domain.delta import Deltas, KeyDelta
from streams.domain.links import LinkStep
from streams.kafka.delta_codec import encode_deltas
from streams.kafka.link_codec import encode_links
from streams.kafka.outbox import Outbox, partition_of


def put_deltas(
    outbox: Outbox, topic: str, partitions: int, source: int, deltas: Deltas | None
) -> None:
    """Send what the steps of one source added to each window partition; every one hears of the last
    watermark.
    """
    if deltas is None:
        return
    routed: list[list[KeyDelta]] = [[] for _ in range(partitions)]
    for delta in deltas.keys:
        routed[_delta_partition(delta.contract, delta.dimensions, partitions)].append(delta)
    key = str(source).encode()
    for partition, mine in enumerate(routed):
        outbox.put(topic, partition, key, encode_deltas(source, Deltas(deltas.watermark, mine)))


def put_links(
    outbox: Outbox, topic: str, partitions: int, source: int, steps: Sequence[LinkStep]
) -> None:
    """Send the links of a source's steps to their customers' partitions; every one hears of the
    last watermark.
    """
    if not steps:
        return
    routed: list[list[LinkStep]] = [[] for _ in range(partitions)]

    def step_for(customer: bytes, watermark: int) -> LinkStep:
        mine = routed[customer_partition(customer, partitions)]
        if not mine or mine[-1].watermark != watermark:
            mine.append(LinkStep(watermark, []))
        return mine[-1]

    for step in steps:
        for link in step.links:
            step_for(link.customer, step.watermark).links.append(link)
        for one in step.erased:
            step_for(one.customer, step.watermark).erased.append(one)
    reached = steps[-1].watermark
    key = str(source).encode()
    for partition, mine in enumerate(routed):
        if not mine or mine[-1].watermark != reached:
            mine.append(LinkStep(reached, []))
        outbox.put(topic, partition, key, encode_links(source, mine))


def customer_partition(customer: bytes, partitions: int) -> int:
    """Where a customer's links go; a digest is as good as a hash."""
    return int.from_bytes(customer[:8], "big") % partitions


@lru_cache(maxsize=65_536)
def _delta_partition(
    contract: str, dimensions: tuple[tuple[Dimension, str], ...], partitions: int
) -> int:
    key = "|".join((contract, *(f"{name}={value}" for name, value in dimensions)))
    return partition_of(key.encode(), partitions)
