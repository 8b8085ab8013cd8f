"""What a run published beside what the oracle says it had to publish."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import msgspec
import orjson
from aiokafka import ConsumerRecord

from streams.domain.breach_record import encode_breach
from streams.domain.facts import encode_fact
from streams.domain.window_value import encode_window
from streams.kafka import topics
from streams.oracle.judge import Verdict
from tests.topic_records import headers_of

Records = Iterable[ConsumerRecord[bytes, bytes]]


def once_each(records: Iterable[bytes]) -> list[bytes]:
    """CloudEvents sorted, each source and id once. Fails where one id stands on two contents."""
    found: dict[tuple[str, str], bytes] = {}
    for raw in records:
        event = orjson.loads(raw)
        name = (event["source"], event["id"])
        assert found.setdefault(name, raw) == raw, (
            f"two contents under one id:\n{found[name]!r}\n{raw!r}"
        )
    return sorted(found.values())


def encoded_facts(verdict: Verdict) -> list[bytes]:
    """The facts as they must stand on their topic, sorted."""
    return sorted(encode_fact(fact) for fact in verdict.facts)


def encoded_breaches(verdict: Verdict) -> list[bytes]:
    """The breach records as they must stand on their topic, sorted."""
    return sorted(encode_breach(breach) for breach in verdict.breaches)


def assert_published_as_judged(
    verdict: Verdict, read: Callable[[str], Records], *, repeated: bool
) -> None:
    """Facts, breaches, windows and dead letters equal the verdict; `read` gives a topic's records.

    `repeated`: whether a crash may have written an event twice, under one id; else not even that.
    """
    for topic, wanted in (
        (topics.FACTS, encoded_facts(verdict)),
        (topics.BREACHES, encoded_breaches(verdict)),
    ):
        found = [record.value for record in read(topic)]
        assert_same(once_each(found) if repeated else sorted(found), wanted, topic)
    assert_windows_as_judged(verdict, read(topics.WINDOWS))
    letters = dead_letters_by_code(read(topics.DEAD_LETTERS), once=repeated)
    assert letters == verdict.dead_letters


def assert_windows_as_judged(verdict: Verdict, records: Records) -> None:
    """The last value of every key is the oracle's.

    A value stands until another follows, so its `end` may lie before the last boundary.
    """
    held: dict[bytes, bytes] = {}
    for record in records:
        assert record.key is not None
        held[record.key] = record.value
    wanted = {
        orjson.dumps([value.contract, value.window, dict(value.key)]): value
        for value in verdict.windows
    }
    assert held.keys() == wanted.keys()
    found, judged = [], []
    for key, raw in held.items():
        end = msgspec.json.decode(raw)["end"]
        value = orjson.loads(encode_window(wanted[key]))
        assert end <= value["end"]
        found.append(raw)
        judged.append(orjson.dumps({**value, "end": end}))
    assert_same(sorted(found), sorted(judged), topics.WINDOWS)


def dead_letters_by_code(records: Records, *, once: bool) -> dict[str, int]:
    """How many dead letters of each code; with `once`, one a record of origin."""
    letters = [headers_of(record) for record in records]
    origins = [
        tuple(letter[f"baton.error.origin.{part}"] for part in ("topic", "partition", "offset"))
        for letter in letters
    ]
    if once:
        letters = list(dict(zip(origins, letters, strict=True)).values())
    else:
        assert len(set(origins)) == len(origins), "a record was diverted twice"
    return dict(sorted(Counter(letter["baton.error.code"] for letter in letters).items()))


def assert_same(found: list[bytes], wanted: list[bytes], what: str) -> None:
    """Fails with a few of those that only one side has."""
    if found == wanted:
        return
    more, missing = Counter(found) - Counter(wanted), Counter(wanted) - Counter(found)
    lines = [f"{what}: {missing.total()} of {len(wanted)} missing, {more.total()} too many"]
    lines += [f"  missing  {raw.decode()}" for raw in sorted(missing)[:4]]
    lines += [f"  too many {raw.decode()}" for raw in sorted(more)[:4]]
    raise AssertionError("\n".join(lines))
