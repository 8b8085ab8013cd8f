"""What every adapter takes and gives: options in, canonical events and problems out."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple, Protocol, TypedDict, get_args
from zoneinfo import ZoneInfo

from streams.domain.events import Channel, Event, epoch_ms
from streams.domain.time_zone import zone_of

DEFAULT_START = datetime(2024, 1, 1, tzinfo=UTC)
DEFAULT_STEP_MS = 10_000
MAX_STEP_MS = 86_400_000

# What a mark says of a name: of the id of a user or group, or of what a team has called its tags,
# labels, intents, actions, flows and tools.
MARKS = {
    "bot": "an AI agent, where the platform shows it as a user or group",
    "automation": "an automation, whose messages answer nobody",
    "staff": "a human of the desk",
    "human": "the customer asks for a human",
    "handoff": "the AI hands over to a human",
    "resolved": "the AI claims to have resolved the matter",
}

# Outside these years a time is a sentinel (1970, 9999), not a moment.
_EARLIEST_MS = epoch_ms(datetime(1971, 1, 1, tzinfo=UTC))
_LATEST_MS = epoch_ms(datetime(3000, 1, 1, tzinfo=UTC))
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:+-]{0,127}")
_TERM = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.:/+-]{0,127}")
_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_MARKET = re.compile(r"[A-Z]{2}")


# Of records: as each happened, as it was written down, or as the file has them.
Order = Literal["time", "recorded", "file"]


class SourceProblem(NamedTuple):
    """Something in a log that was not carried over as written.

    `code` is for counting, `where` is `file:line` or `file:run`, `message` says what was done about
    it; it never quotes the log, which may hold names.
    """

    code: str
    message: str
    where: str


class SourceRecord(NamedTuple):
    """One canonical event ready for the topic.

    `time_ms` is when it happened, `recorded_ms` when it was written down (`time_ms` where the log
    does not say); `raw` is structured CloudEvents JSON.
    """

    time_ms: int
    id: str
    recorded_ms: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What a log does not say about itself. Raises ValueError naming the option.

    contract     the contract that the interactions belong to
    salt         key of `pseudonym`; the same salt gives the same pseudonyms across files
    time_zone    IANA zone of the log's local times
    date         the day of a call log that holds times of day only
    channel      overrides the channel that the format implies
    start, step_ms  the first moment and the distance of messages of a log without times
    marks        what a team's own names in the platform mean: pairs of one of MARKS and a name
    prefix       which desk numbered the conversations, where another counts from 1 as well: their
                 ids become `prefix:id`, and its numbers of people are told from the other's
    """

    contract: str
    salt: str
    supplier: str | None = None
    channel: Channel | None = None
    market: str | None = None
    journey: str | None = None
    time_zone: str = "UTC"
    date: date | None = None
    start: datetime = DEFAULT_START
    step_ms: int = DEFAULT_STEP_MS
    marks: frozenset[tuple[str, str]] = frozenset()
    prefix: str | None = None

    def __post_init__(self) -> None:
        if not self.contract or len(self.contract) > 256:
            raise ValueError("contract must name a contract in 1 to 256 characters")
        if not self.salt:
            raise ValueError("salt must not be empty: without it pseudonyms can be guessed")
        for option, text in (("supplier", self.supplier), ("journey", self.journey)):
            if text is not None and not 1 <= len(text) <= 128:
                raise ValueError(f"{option} must have 1 to 128 characters")
        if self.channel is not None and self.channel not in get_args(Channel):
            raise ValueError(f"channel must be one of {', '.join(get_args(Channel))}")
        if self.market is not None and not _MARKET.fullmatch(self.market):
            raise ValueError("market must be an ISO 3166-1 code of two capitals, for example IL")
        try:
            zone_of(self.time_zone)
        except ValueError:
            raise ValueError(
                f"time_zone {self.time_zone[:60]!r} is not an IANA zone, for example Asia/Jerusalem"
            ) from None
        if self.start.tzinfo is None or not _EARLIEST_MS <= epoch_ms(self.start) < _LATEST_MS:
            raise ValueError("start needs an offset and a year from 1971 to 2999")
        if not 1 <= self.step_ms <= MAX_STEP_MS:
            raise ValueError(f"step_ms must lie in 1..{MAX_STEP_MS}")
        if self.prefix is not None and not _PREFIX.fullmatch(self.prefix):
            raise ValueError("prefix must be 1 to 32 letters, digits, dots, - or _, as emea")
        for mark, _ in sorted(self.marks):
            if mark not in MARKS:
                raise ValueError(f"mark {mark[:60]!r} must be one of {', '.join(MARKS)}")

    def own(self, number: str) -> str:
        """What the desk itself has numbered, told from another desk's by the prefix."""
        return number if self.prefix is None else f"{self.prefix}:{number}"


class Source(Protocol):
    """An adapter of one format."""

    @property
    def name(self) -> str:
        """What `baton replay --source` calls it."""

    def read(self, path: Path, options: SourceOptions) -> Iterator[Event | SourceProblem]:
        """Events and problems in the order of the file. Never raises for what the file holds."""


class Shared(TypedDict):
    """The fields of events.Data that every event of a conversation repeats."""

    contract: str
    conversation_id: str
    channel: Channel
    supplier: str | None
    customer_key: str | None
    channel_subtype: str | None
    market: str | None
    journey: str | None
    intent: str | None


class Stamp(TypedDict):
    """The fields of events.Event that tell one event of a conversation from another."""

    id: str
    source: str
    time: datetime
    subject: str
    recordedtime: datetime | None


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation of a log: makes the fields that its events share."""

    source: str
    id: str
    options: SourceOptions
    channel: Channel
    channel_subtype: str | None = None
    customer_key: str | None = None
    journey: str | None = None
    intent: str | None = None

    def shared(self) -> Shared:
        """Fields of `data`; options win over what the log says."""
        return {
            "contract": self.options.contract,
            "conversation_id": self.id,
            "channel": self.options.channel or self.channel,
            "supplier": self.options.supplier,
            "customer_key": self.customer_key,
            "channel_subtype": self.channel_subtype,
            "market": self.options.market,
            "journey": self.options.journey or self.journey,
            "intent": self.intent,
        }

    def stamp(self, what: str, time_ms: int, recorded_ms: int | None = None) -> Stamp:
        """Envelope of the event that `what` names; `what` is unique within the conversation."""
        return {
            "id": f"{self.id}/{what}",
            "source": f"/sources/{self.source}",
            "time": instant(time_ms),
            "subject": self.id,
            "recordedtime": None if recorded_ms is None else instant(recorded_ms),
        }


@lru_cache(maxsize=8192)
def pseudonym(salt: str, value: str) -> str:
    """A keyed hash (HMAC-SHA-256, first 16 hex digits) in place of a name or customer number."""
    # surrogatepass: bytes that were no text still get a pseudonym of their own.
    message = value.encode("utf-8", "surrogatepass")
    return hmac.digest(salt.encode("utf-8", "surrogatepass"), message, "sha256").hex()[:16]


def identifier(text: object) -> str | None:
    """`text` if it is a machine's identifier (letters, digits, `_.:+-`, at most 128), else None."""
    return text if isinstance(text, str) and _IDENTIFIER.fullmatch(text) else None


def term(text: object) -> str | None:
    """`text` if it is a short label out of a list (an identifier, or several words), else None."""
    return text if isinstance(text, str) and _TERM.fullmatch(text) else None


def instant(time_ms: int) -> datetime:
    """The UTC datetime of integer epoch milliseconds."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def moment_ms(moment: datetime, zone: ZoneInfo) -> int | None:
    """Epoch milliseconds of `moment`, read in `zone` if it has no offset of its own.

    None outside the years 1971-2999. In the hour that a zone repeats, the first is meant.
    """
    try:
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        time_ms = epoch_ms(aware.astimezone(UTC))
    except (OverflowError, ValueError):
        return None
    return time_ms if _EARLIEST_MS <= time_ms < _LATEST_MS else None
