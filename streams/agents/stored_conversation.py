"""How a conversation of a ledger lies in its table: as few bytes as may be, for a contract holds
millions.

A record begins with what a ledger must know of a conversation that nobody looks at; the rest is
decoded when it is taken up. What its facts have in common stands in it once, a detail without its
names.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from streams.domain.billing.conversation import Conversation, Run
from streams.domain.billing.items import Account, finals
from streams.domain.billing.records import BilledResolution, Told
from streams.domain.facts import Fact, FactKind

# By their places here kinds are stored: new ones come last.
_KINDS: Final[tuple[FactKind, ...]] = (
    "customer_visited",
    "episode_ended",
    "episode_matured",
    "escalation_opened",
    "escalation_ended",
    "csat_received",
    "qa_evaluated",
    "resolution_disputed",
)
_KIND_CODES: Final = {kind: code for code, kind in enumerate(_KINDS)}
# A detail with these names in this order is stored by its values; any other as it is.
DETAILS: Final[dict[FactKind, tuple[str, ...]]] = {
    "customer_visited": (),
    "episode_ended": (
        "cause", "eligible", "outcome", "safe", "excluded", "repeated", "resolved",
    ),
    "episode_matured": (
        "outcome", "human", "claimed", "resolved", "returned", "first_contact", "qa_ai",
        "qa_human", "claimed_at", "query_type", "proven",
    ),
    "escalation_opened": ("t0", "eligible", "excluded"),
    "escalation_ended": (
        "t0", "outcome", "latency_ms", "service_latency_ms", "within", "overdue", "clamped",
        "requested_ms", "queued_ms", "offered_ms", "accepted_ms", "answer", "removed_within",
        "context_complete",
    ),
    "csat_received": ("subject", "satisfied"),
    "qa_evaluated": ("subject", "evaluator", "passed"),
    "resolution_disputed": ("party",),
}  # fmt: skip
_RETRACTS, _LATE = 1, 2

# Version, channel, market, journey, supplier; and prompt version, model, knowledge version.
_Scene = tuple[int, str, str, str, str]
_Maker = tuple[str, str, str]
# Kind, scene, maker, life, episode, ordinal, time since the base, known since the time, customer
# (counted from 1; 0: none), revision, flags, detail.
_Record = tuple[int, int, int, int, int, int, int, int, int, int, int, Any]
# Scene, time since the base, query type, who resolved, evidence, currency, amounts.
_About = tuple[int, int, str | None, str, str, str, int | None, int | None, int, int]


class _Account(msgspec.Struct, array_like=True):
    """`charged` is the evidence of the finals that stand: True is the fact of its maturity."""

    life: int
    episode: int
    announced: bool
    last: _About | None
    charged: bool | str
    told: str | None
    charges: int
    voids: int


class _Body(msgspec.Struct, array_like=True):
    base: int
    scenes: list[_Scene]
    makers: list[_Maker]
    records: list[_Record]
    frozen: list[tuple[int, int, bool]]
    accounts: list[_Account]


class _Stored(msgspec.Struct, array_like=True):
    look: int | None
    freezes: int | None
    waits: bool
    customers: list[bytes]
    body: msgspec.Raw


class Head(NamedTuple):
    """What a ledger must know of a conversation: see Conversation; `waits`: whether anybody does
    in it.
    """

    look: int | None
    freezes: int | None
    waits: bool
    customers: list[bytes]


_ENCODER: Final = msgspec.msgpack.Encoder()
_STORED: Final = msgspec.msgpack.Decoder(_Stored)
_BODY: Final = msgspec.msgpack.Decoder(_Body)


def encode_conversation(conversation: Conversation) -> bytes:
    """Bytes of it without its contract and its name, which are in the key."""
    standing = conversation.standing.values()
    customers: dict[bytes | None, int] = {None: 0}
    scenes: dict[_Scene, int] = {}
    makers: dict[_Maker, int] = {}
    base = min((told.fact.time for told in standing), default=0)
    records: list[_Record] = []
    waits = False
    for told in standing:
        fact = told.fact
        kind, detail = fact.kind, fact.detail
        scene = (fact.version, fact.channel, fact.market, fact.journey, fact.supplier)
        maker = (fact.prompt_version, fact.model, fact.knowledge_version)
        waits = waits or kind == "escalation_opened"
        records.append(
            (
                _KIND_CODES[kind],
                scenes.setdefault(scene, len(scenes)),
                makers.setdefault(maker, len(makers)),
                fact.life,
                fact.episode,
                fact.ordinal,
                fact.time - base,
                told.known - fact.time,
                customers.setdefault(told.customer, len(customers)),
                fact.revision,
                _RETRACTS * fact.retracts + _LATE * fact.late,
                [*detail.values()] if (*detail,) == DETAILS[kind] else detail,
            )
        )
    accounts = [
        _account(run, account, conversation, base, scenes)
        for run, account in conversation.accounts.items()
    ]
    frozen = [(*run, billed) for run, billed in conversation.frozen.items()]
    body = _Body(base, [*scenes], [*makers], records, frozen, accounts)
    return _ENCODER.encode(
        _Stored(
            conversation.look,
            conversation.freezes,
            waits and any(conversation.waits),
            [customer for customer in customers if customer is not None],
            msgspec.Raw(_ENCODER.encode(body)),
        )
    )


def _account(
    run: Run, account: Account, conversation: Conversation, base: int, scenes: dict[_Scene, int]
) -> _Account:
    charged: bool | str = False
    if account.charged:
        charged = account.charged[0].evidence_id
        if charged == _maturity(conversation, run):
            charged = True
    about, last = account.last, None
    if about is not None:
        scene = (about.version, about.channel, about.market, about.journey, about.supplier)
        last = (
            scenes.setdefault(scene, len(scenes)),
            about.time - base,
            about.query_type,
            about.resolved_by,
            about.evidence,
            about.currency,
            about.client_former_micros,
            about.provider_micros,
            about.agreed_micros,
            about.agent_micros,
        )
    return _Account(
        *run, account.announced, last, charged, account.told, account.charges, account.voids
    )


def _maturity(conversation: Conversation, run: Run) -> str | None:
    claim = conversation.claims.get(run)
    return None if claim is None or claim.matured is None else claim.matured.id


def decode_head(raw: bytes) -> Head:
    """What its record begins with. Raises msgspec.DecodeError for another's."""
    stored = _STORED.decode(raw)
    return Head(stored.look, stored.freezes, stored.waits, stored.customers)


def decode_conversation(raw: bytes, contract: str, name: str) -> Conversation:
    """What encode_conversation wrote. Raises msgspec.DecodeError, LookupError or ValueError for
    another's bytes.
    """
    stored = _STORED.decode(raw)
    body = _BODY.decode(stored.body)
    customers = [None, *stored.customers]
    standing = {}
    for (
        code, scene, maker, life, episode, ordinal, time, known, customer, revision, flags, detail,
    ) in body.records:  # fmt: skip
        kind = _KINDS[code]
        version, channel, market, journey, supplier = body.scenes[scene]
        at = body.base + time
        if isinstance(detail, list):
            detail = dict(zip(DETAILS[kind], detail, strict=True))
        fact = Fact(
            kind, contract, version, name, life, episode, ordinal, at,
            channel, market, journey, supplier, *body.makers[maker],
            detail, revision, flags & _LATE != 0, flags & _RETRACTS != 0,
        )  # fmt: skip
        standing[life, kind, episode, ordinal] = Told(fact, at + known, customers[customer])
    conversation = Conversation(
        name,
        standing,  # type: ignore[arg-type]
        {(life, episode): billed for life, episode, billed in body.frozen},
        look=stored.look,
        freezes=stored.freezes,
    )
    for one in body.accounts:
        conversation.accounts[one.life, one.episode] = _restored(one, body, conversation, contract)
    return conversation


def _restored(stored: _Account, body: _Body, conversation: Conversation, contract: str) -> Account:
    run = (stored.life, stored.episode)
    account = Account(
        announced=stored.announced,
        told=stored.told,
        charges=stored.charges,
        voids=stored.voids,
    )
    if stored.last is None:
        return account
    scene, time, query_type, by, evidence, currency, former, provider, agreed, agent = stored.last
    version, channel, market, journey, supplier = body.scenes[scene]
    account.last = about = BilledResolution(
        contract=contract,
        version=version,
        conversation=conversation.name,
        life=stored.life,
        episode=stored.episode,
        time=body.base + time,
        channel=channel,
        market=market,
        journey=journey,
        supplier=supplier,
        query_type=query_type,
        resolved_by=by,
        evidence=evidence,
        currency=currency,
        client_former_micros=former,
        provider_micros=provider,
        agreed_micros=agreed,
        agent_micros=agent,
    )
    if stored.charged is not False:
        proof = _maturity(conversation, run) if stored.charged is True else stored.charged
        account.charged = finals(about, stored.charges - 1, proof or "")
    return account
