"""What makes an adapter of a platform: a table from its kinds of events to small functions.

A platform is stateless: each payload (a webhook's body, a record of a topic, a line of a file) is
read for itself, and the same payload always gives the same events under the same ids. README.md
beside this file has a worked example.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, get_type_hints

from streams.domain.events import APART, EVENT_TYPES, Channel, Event
from streams.sources.base import (
    Conversation,
    SourceOptions,
    SourceProblem,
    SourceRecord,
    instant,
)
from streams.sources.coverage import Feeds
from streams.sources.journal import Journal
from streams.sources.payload import Payload
from streams.sources.records import record_of

Item = Event | SourceProblem

# What the data of each type of event about a conversation is made with.
_DATA: dict[type[Event], Callable[..., Any]] = {
    kind: get_type_hints(kind)["data"] for kind in EVENT_TYPES.values() if kind not in APART
}
_SUFFIX: dict[type[Event], str] = {
    kind: name.removeprefix("baton.") for name, kind in EVENT_TYPES.items()
}


@dataclass(frozen=True, slots=True)
class Contact:
    """Which conversation a payload speaks of; None where the payload does not say.

    conversation  the platform's id of it (`Payload.id`)
    customer_key  who the customer is (`Payload.key`)
    recorded_ms   when the platform wrote the payload down, if that is not when things happened
    """

    conversation: str | None
    channel: Channel | None
    customer_key: str | None = None
    channel_subtype: str | None = None
    direction: str | None = None
    language: str | None = None
    market: str | None = None
    journey: str | None = None
    intent: str | None = None
    test: bool = False
    recorded_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Talk:
    """One conversation as one payload speaks of it: makes the events of it."""

    base: Conversation
    where: str
    extra: Mapping[str, Any]
    recorded_ms: int | None = None

    @property
    def id(self) -> str:
        """The conversation's id."""
        return self.base.id

    @property
    def channel(self) -> Channel:
        """Where it takes place; the option wins over what the payload says."""
        return self.base.options.channel or self.base.channel

    @property
    def direction(self) -> str | None:
        """Who contacted whom: inbound, outbound, or not said."""
        direction: str | None = self.extra["direction"]
        return direction

    def tell(
        self, kind: type[Event], at_ms: int | None, key: str | None = None, /, **fields: Any
    ) -> Item:
        """The event of that kind at that time, a problem `bad_time` where there is no time.

        `key` tells it from others of its kind in this conversation, for good: an id that the
        platform gave (default: the time). `fields` are those of the kind's data. Raises TypeError
        for a field that the kind does not have.
        """
        suffix = _SUFFIX[kind]
        if at_ms is None:
            return SourceProblem("bad_time", f"{suffix} has no time; left out", self.where)
        stamp = self.base.stamp(f"{suffix}.{key or at_ms}", at_ms, self.recorded_ms)
        make: Callable[..., Event] = kind
        return make(**stamp, data=_DATA[kind](**{**self.base.shared(), **self.extra, **fields}))


class Ignored(NamedTuple):
    """A kind of event that is passed over on purpose, and why."""

    why: str


# What an adapter calls the kind of a message that no customer sees, whatever the platform calls it.
PRIVATE_NOTE: Final = "private note"
NOT_TO_THE_CUSTOMER: Final = Ignored("a note among staff, which no customer sees")

Handler = Callable[[Payload, Talk], Iterable[Item]]


@dataclass(slots=True)
class Tally:
    """What became of payloads: for `baton source check`."""

    journal: Journal = field(default_factory=Journal)
    payloads: int = 0
    mapped: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Platform:
    """The adapter of one platform. Never raises for what a payload holds.

    name     what `--source` calls it; the module's name with hyphens
    title    the platform's own name
    reads    which payloads are meant, and where the platform documents them
    kind     the platform's own name of what a payload reports, None if it is none of this platform
    contact  which conversation it speaks of
    kinds    for every kind: how it is mapped, or why not
    feeds    which families of indicators it can feed (streams/sources/coverage.py)
    parts    for payloads that carry several: the parts, each then read as a payload of its own
    any_case whether the platform writes a field's name now with a small, now with a capital letter
    """

    name: str
    title: str
    reads: str
    kind: Callable[[Payload], str | None]
    contact: Callable[[Payload], Contact]
    kinds: Mapping[str, Handler | Ignored]
    feeds: Feeds
    parts: Callable[[Payload], Iterable[Payload]] | None = None
    any_case: bool = False

    def read(self, payload: object, options: SourceOptions, where: str) -> Iterator[Item]:
        """Events and problems of one payload (parsed JSON; of a list: of each element).

        `where` names the payload in problems, which quote nothing of it.
        """
        return self._items(payload, options, where, None)

    def inspect(
        self, payload: object, options: SourceOptions, where: str, tally: Tally
    ) -> Iterator[Item]:
        """What `read` gives, counting in `tally` what was mapped, dropped and ignored."""
        return self._items(payload, options, where, tally)

    def records(
        self, payload: object, options: SourceOptions, where: str
    ) -> Iterator[SourceRecord | SourceProblem]:
        """The events of `read` as records that have passed the decoder the stream uses."""
        contracts = frozenset((options.contract,))
        for item in self.read(payload, options, where):
            if isinstance(item, SourceProblem):
                yield item
            else:
                yield record_of(item, contracts, where)

    def _items(
        self, payload: object, options: SourceOptions, where: str, tally: Tally | None
    ) -> Iterator[Item]:
        if isinstance(payload, list):
            for at, each in enumerate(payload):
                yield from self._whole(each, options, f"{where}[{at}]", tally)
        else:
            yield from self._whole(payload, options, where, tally)

    def _whole(
        self, value: object, options: SourceOptions, where: str, tally: Tally | None
    ) -> Iterator[Item]:
        if tally is not None:
            tally.payloads += 1
            tally.journal.add_leaves(value)
        if not isinstance(value, dict):
            yield SourceProblem("not_an_object", "a payload is a JSON object; left out", where)
            return
        journal = None if tally is None else tally.journal
        payload = Payload(value, options, journal, any_case=self.any_case)
        if self.parts is None:
            yield from self._part(payload, options, where, tally)
            return
        for at, part in enumerate(self.parts(payload)):
            yield from self._part(part, options, f"{where}[{at}]", tally)

    def _part(
        self, payload: Payload, options: SourceOptions, where: str, tally: Tally | None
    ) -> Iterator[Item]:
        try:
            # A list: of an adapter that fails half-way no half is passed on.
            items = list(self._mapped(payload, options, where, tally))
        except Exception as error:
            items = [
                SourceProblem(
                    "adapter_fault",
                    f"the adapter {self.name} failed with {type(error).__name__}; left out, and a"
                    " defect of the adapter",
                    where,
                )
            ]
        yield from items

    def _mapped(
        self, payload: Payload, options: SourceOptions, where: str, tally: Tally | None
    ) -> Iterator[Item]:
        kind = self.kind(payload)
        if kind is None:
            yield SourceProblem("not_a_payload", f"no payload of {self.title}; left out", where)
            return
        handler = self.kinds.get(kind)
        if handler is None:
            if tally is not None:
                tally.unknown[kind] += 1
            yield SourceProblem(
                "unknown_kind", "a kind of event that the adapter does not know; left out", where
            )
            return
        if isinstance(handler, Ignored):
            if tally is not None:
                tally.ignored[kind] += 1
            return
        talk = self._talk(self.contact(payload), options, where)
        if isinstance(talk, SourceProblem):
            yield talk
            return
        if tally is not None:
            tally.mapped[kind] += 1
        yield from handler(payload, talk)

    def _talk(self, contact: Contact, options: SourceOptions, where: str) -> Talk | SourceProblem:
        if contact.conversation is None:
            return SourceProblem("no_conversation", "names no conversation; left out", where)
        channel = contact.channel or options.channel
        if channel is None:
            return SourceProblem(
                "no_channel", "does not say on which channel; give one as an option", where
            )
        base = Conversation(
            source=self.name,
            id=options.own(contact.conversation),
            options=options,
            channel=channel,
            channel_subtype=contact.channel_subtype,
            customer_key=contact.customer_key,
            journey=contact.journey,
            intent=contact.intent,
        )
        extra: dict[str, Any] = {
            "direction": contact.direction,
            "language": contact.language,
            "market": options.market or contact.market,
            "test": contact.test,
        }
        return Talk(base, where, extra, contact.recorded_ms)


def moment_fields(**moments: int | None) -> dict[str, Any]:
    """Fields that are times, as `Talk.tell` takes them: datetimes of epoch ms, None kept."""
    return {name: None if ms is None else instant(ms) for name, ms in moments.items()}
