"""Dead letters of foreign payloads: what is wrong and where it came from, without the payload.

A platform's payload holds names and texts, so it is kept only where the operator says so. In a
source topic its origin finds it again; of a webhook the digest tells whether a redelivery is it.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.kafka.outbox import Headers
from streams.sources.base import SourceProblem

_PREFIX = "baton.error."
_MOST_TOLD = 400


def dead_letter_headers(
    feed: str, problems: Sequence[SourceProblem], origin: Sequence[tuple[str, str]]
) -> Headers:
    """`baton.error.*` headers as of other stages (kafka/dead_letters.py): the first problem's code,
    what all say, and `origin` by name (`topic`, `partition`, `offset`; `digest` of a request).
    """
    told = "; ".join(f"{each.where}: {each.message}" for each in problems)
    if len(told) > _MOST_TOLD:
        told = f"{told[:_MOST_TOLD]} ... ({len(problems)} problems)"
    return [
        (f"{_PREFIX}code", problems[0].code.encode()),
        (f"{_PREFIX}message", told.encode("utf-8", "replace")),
        (f"{_PREFIX}stage", f"source-{feed}".encode()),
        *((f"{_PREFIX}origin.{name}", value.encode()) for name, value in origin),
    ]
