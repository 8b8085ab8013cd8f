"""billing-records -> billing-items, -adjustments and -previews: drives the ledgers of contracts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, MutableMapping
from dataclasses import dataclass, field

import msgspec
import orjson

from streams.agents import account_table
from streams.agents.account_store import UnreadableRecord
from streams.agents.foreign_state import foreign_state, missing_contracts
from streams.agents.governance import put_renamed
from streams.agents.routing import contract_partition
from streams.agents.stepwise import PartlyRejected, StepwiseStage
from streams.domain.billing.chain import Signer
from streams.domain.billing.feed import billed_contracts
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.preview import encode_preview
from streams.domain.billing.records import Booked, Item, Seal
from streams.domain.billing.signing import Ed25519Signer
from streams.domain.contract import ContractBook
from streams.domain.contract_document import duration_ms
from streams.domain.wire import Rejection
from streams.export.telemetry import Telemetry
from streams.kafka import topics
from streams.kafka.billing_codec import BillingRecord, decode_billing
from streams.kafka.outbox import Outbox
from streams.kafka.store import PartitionedStore
from streams.secrets import SecretError, secret
from streams.settings import Settings

STAGE = "billing"

log = logging.getLogger("baton")


@dataclass(slots=True)
class Ledgers:
    """The ledgers of one partition, by contract."""

    by_contract: dict[str, Ledger] = field(default_factory=dict)
    # By contract, as of when its open periods were last previewed (ms).
    previewed: dict[str, int] = field(default_factory=dict)

    @property
    def reached(self) -> int | None:
        """The time (ms) up to which all of them were worked off."""
        reached = [ledger.reached for ledger in self.by_contract.values()]
        told = [each for each in reached if each is not None]
        return min(told) if told and len(told) == len(reached) else None


class BillingStage(StepwiseStage[Ledgers, list[Booked | Seal]]):
    """One worker's ledgers. `changelog` is the table's changelog topic, `outbox` gives a
    partition's. Raises SecretError where the signing key is none.
    """

    name = STAGE

    def __init__(
        self,
        book: ContractBook,
        settings: Settings,
        store: PartitionedStore,
        outbox: Callable[[int], Outbox],
        telemetry: Telemetry,
        changelog: str,
    ) -> None:
        super().__init__(settings, store, outbox, telemetry, changelog)
        self._book = book
        self._sources = settings.partitions
        self._contracts = billed_contracts(book)
        self._signer = signer_of(settings)
        self._items_topic = settings.topic(topics.BILLING_ITEMS)
        self._adjustments_topic = settings.topic(topics.BILLING_ADJUSTMENTS)
        self._previews_topic = settings.topic(topics.BILLING_PREVIEWS)
        self._governance_topic = settings.topic(topics.GOVERNANCE)
        self._preview_each_ms = duration_ms(settings.preview_interval)

    def _ledger(self, contract: str) -> Ledger:
        return Ledger(
            self._book, contract, sources=self._sources, signer=self._signer, forgets=True
        )

    def forget(self) -> None:
        """Drop what is derived from the store; after a rebalance it is built anew from it."""
        super().forget()
        self._telemetry.ledgers_forgotten()

    def _empty(self) -> Ledgers:
        return Ledgers()

    def _restore(self, number: int, held: Ledgers, data: MutableMapping[bytes, bytes]) -> None:
        missing = account_table.contracts_in(data) - set(self._contracts)
        if missing:
            raise missing_contracts(self._changelog, number, missing)
        for contract in self._contracts:
            if contract_partition(contract, self._sources) == number:
                ledger = held.by_contract[contract] = self._ledger(contract)
                account_table.restore(ledger, data)

    def _adopted(self, number: int, held: Ledgers) -> None:
        self._telemetry.ledgers_owned(number, held.by_contract)

    def _hear(self, held: Ledgers, raw: bytes) -> int:
        said = self._decoded(raw)
        told = [fields.told for fields in said.told]
        for contract, ledger in held.by_contract.items():
            mine = [one for one in told if one.fact.contract == contract]
            erased = [one for one in said.erased if one.contract == contract]
            ledger.apply(said.source, said.watermark, mine, said.begun.get(contract), erased)
        upto = max(
            [
                *(one.known for one in told),
                *(known for known, _ in said.begun.values()),
                *(() if said.watermark is None else (said.watermark,)),
            ],
            default=0,
        )
        here = [one for one in told if one.fact.contract in held.by_contract]
        foreign = len(told) - len(here)
        lost = sum(held.by_contract[one.fact.contract].refuses(one) for one in here)
        if foreign:
            raise PartlyRejected(
                "unknown_contract", f"{foreign} facts of contracts that are not billed here", upto
            )
        if lost:
            raise PartlyRejected(
                "too_late", f"{lost} facts known so late that what they bear on is forgotten", upto
            )
        return upto

    def _decoded(self, raw: bytes) -> BillingRecord:
        try:
            said = decode_billing(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError):
            raise Rejection("schema_violation", "not a record of billing") from None
        # A source that does not exist would be waited for, for ever.
        if not 0 <= said.source < self._sources:
            raise Rejection("schema_violation", f"no events partition has number {said.source}")
        return said

    def _advance(self, outbox: Outbox, number: int, held: Ledgers) -> list[Booked | Seal]:
        told: list[Booked | Seal] = []
        for contract, ledger in held.by_contract.items():
            try:
                booked = ledger.advance()
            except UnreadableRecord as error:
                raise foreign_state(self._changelog, number, error) from error
            self._tell_again(contract, ledger)
            told += booked
            for one, raw in zip(booked, ledger.encoded, strict=True):
                key = orjson.dumps([contract, one.period])
                topic = self._items_topic if isinstance(one, Item) else self._adjustments_topic
                outbox.put(topic, number, key, raw)
                if isinstance(one, Seal):
                    outbox.put(self._previews_topic, number, key, None)
            self._preview(outbox, number, held, contract)
        return told

    def _tell_again(self, contract: str, ledger: Ledger) -> None:
        """Tell of claims that were not billed because what was told of them is forgotten."""
        for _ in range(ledger.again):
            self._telemetry.dead_letter(self.name, "too_late")
        if ledger.again:
            log.error(
                "%s: %d claims stand again that were taken back more than 400 days ago; they are"
                " not billed, for they would be under the ids that they had",
                *(contract, ledger.again),
            )
        ledger.again = 0

    def _preview(self, outbox: Outbox, number: int, held: Ledgers, contract: str) -> None:
        """Tell what the contract's open periods would come to, if that was long enough ago.

        Once a batch at most: one that spans days, as in a replay, tells as of its end alone.
        """
        ledger = held.by_contract[contract]
        reached, last = ledger.reached, held.previewed.get(contract)
        each = self._preview_each_ms
        if reached is None or (last is not None and reached // each <= last // each):
            return
        held.previewed[contract] = reached
        for preview in ledger.previews():
            key = orjson.dumps([contract, preview.period])
            outbox.put(self._previews_topic, number, key, encode_preview(preview))

    def _erased(self, outbox: Outbox, number: int, held: Ledgers) -> Collection[bytes]:
        for contract, ledger in held.by_contract.items():
            told = ledger.renamings()
            put_renamed(outbox, self._governance_topic, self._sources, number, contract, told)
        return set[bytes]().union(*map(account_table.erased, held.by_contract.values()))

    def _changes(
        self, held: Ledgers, data: MutableMapping[bytes, bytes]
    ) -> Iterator[tuple[bytes, bytes | None]]:
        for ledger in held.by_contract.values():
            yield from account_table.changes(ledger, data)

    def _told(self, number: int, held: Ledgers, outcome: list[Booked | Seal]) -> None:
        self._telemetry.booked(outcome)


def signer_of(settings: Settings) -> Signer | None:
    """Who signs seals; None where no key is given. Raises SecretError where the key is none."""
    pem = secret(settings, "billing_key")
    if not pem:
        return None
    try:
        return Ed25519Signer(pem.encode())
    except ValueError as error:
        raise SecretError(f"BATON_BILLING_KEY or --billing-key-file: {error}") from None
