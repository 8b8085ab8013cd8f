"""Which partition each part of a stage's steps goes to: by key to windows, by customer to links, by
contract to billing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from streams.domain.billing.feed import Fed
from streams.domain.contract import Dimension
from streams.domain.delta import Deltas, KeyDelta
from streams.domain.links import DroppedCustomer, LinkStep
from streams.kafka.billing_codec import encode_billing
from streams.kafka.delta_codec import encode_deltas
from streams.kafka.link_codec import encode_links
from streams.kafka.outbox import Outbox, partition_of

# So many facts of a batch go into one record at most, at about 250 bytes each.
_MOST_TOLD = 1_000


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


def put_billing(
    outbox: Outbox,
    topic: str,
    partitions: int,
    source: int,
    watermark: int | None,
    contracts: Collection[str],
    fed: Mapping[str, Fed],
    erased: Iterable[DroppedCustomer] = (),
) -> None:
    """Send what a source told of the contracts that are billed to their partitions; each one hears
    of its watermark (ms; None: it has not moved), and with that who was erased.
    """
    routed: dict[int, list[Fed]] = {}
    erased_at: dict[int, list[DroppedCustomer]] = {}
    for one in erased:
        if one.contract in contracts:
            at = contract_partition(one.contract, partitions)
            erased_at.setdefault(at, []).append(one)
    begun: dict[int, dict[str, tuple[int, int]]] = {}
    for contract in contracts:
        at = contract_partition(contract, partitions)
        mine = routed.setdefault(at, [])
        told = fed.get(contract)
        if told is not None:
            mine.append(told)
            if told.begun is not None:
                begun.setdefault(at, {})[contract] = told.begun
    key = str(source).encode()
    for partition, several in routed.items():
        told_here = [record for told in several for record in told.records]
        if watermark is None and not told_here and partition not in begun:
            continue
        ahead = begun.get(partition, {})
        while len(told_here) > _MOST_TOLD:
            some, told_here = told_here[:_MOST_TOLD], told_here[_MOST_TOLD:]
            outbox.put(topic, partition, key, encode_billing(source, None, some, ahead))
            ahead = {}
        gone = erased_at.get(partition, ())
        outbox.put(topic, partition, key, encode_billing(source, watermark, told_here, ahead, gone))


def contract_partition(contract: str, partitions: int) -> int:
    """Where what is billed under a contract goes."""
    return partition_of(contract.encode(), partitions)


def customer_partition(customer: bytes, partitions: int) -> int:
    """Where a customer's links go; a digest is as good as a hash."""
    return int.from_bytes(customer[:8], "big") % partitions


@lru_cache(maxsize=65_536)
def _delta_partition(
    contract: str, dimensions: tuple[tuple[Dimension, str], ...], partitions: int
) -> int:
    key = "|".join((contract, *(f"{name}={value}" for name, value in dimensions)))
    return partition_of(key.encode(), partitions)
