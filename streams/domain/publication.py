"""What one batch publishes, gathered by step: from each tick to the next.

An interaction may be read for several ticks at once, so its facts are told to the steps to which
they belong by their times, and these to deltas, links and billing when the batch ends.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field

from streams.domain.billing.feed import Feed
from streams.domain.contract import ContractBook
from streams.domain.delta import Entry, OpenEscalation
from streams.domain.facts import Fact
from streams.domain.flush import Flush
from streams.domain.interaction import Stated
from streams.domain.links import LinkStep, link_of
from streams.domain.step_deltas import StepDeltas

_UNLINKED = (("unlinked", 1),)
# An escalation as it waited before a late event, and as it does since; None where it does not.
_Moved = tuple[OpenEscalation | None, OpenEscalation | None]


@dataclass(slots=True)
class _Step:
    """What one tick published, and what late events corrected until the next."""

    links: LinkStep
    on_time: list[Fact] = field(default_factory=list)
    unlinked: list[Fact] = field(default_factory=list)
    corrected: list[Fact] = field(default_factory=list)
    moved: list[tuple[int, _Moved]] = field(default_factory=list)  # from when on, in ms


class Publication:
    """Gathers what a batch publishes. `carried` are corrections that no step has told yet."""

    def __init__(self, book: ContractBook, carried: Iterable[Entry] = ()) -> None:
        self._deltas = StepDeltas(book, carried)
        self._feed = Feed(book)
        self._billed = bool(self._feed)
        self._watermarks: list[int] = []
        self._steps: list[_Step] = []
        # What late events corrected before the batch's first tick.
        self._corrected: list[Fact] = []

    def step(self, watermark: int) -> LinkStep:
        """The watermark has come to `watermark` (ms); the step's links, still to be told."""
        links = LinkStep(watermark, [], [])
        self._watermarks.append(watermark)
        self._steps.append(_Step(links))
        return links

    def publish(self, facts: list[Fact], customer: Stated) -> None:
        """Tell facts of one interaction, in order of time; the last step's watermark has passed
        them all, and the one before the batch none.
        """
        steps, watermarks = self._steps, self._watermarks
        for fact in facts:
            step = steps[bisect_left(watermarks, fact.time)]
            step.on_time.append(fact)
            kind = fact.kind
            if kind == "customer_visited" or (kind == "episode_ended" and fact.detail["resolved"]):
                link = link_of(fact, customer)
                if link is not None:
                    step.links.links.append(link)
                elif kind == "episode_ended":
                    step.unlinked.append(fact)
        if self._billed:
            self._feed.tell(facts, customer)

    def correct(
        self, facts: list[Fact], customer: Stated, moved: Iterable[_Moved], known: int
    ) -> None:
        """Tell what a late event changed, known from `known` on (ms), and whose waiting it moved.

        All that its interaction had on time was told before.
        """
        if self._billed:
            self._feed.tell(facts, customer, known=known)
        if self._steps:
            self._steps[-1].corrected += facts
            self._steps[-1].moved += [(known, one) for one in moved]
            return
        self._corrected += facts
        for was, now in moved:
            self._deltas.correct(was, now, known)

    def carried(self) -> list[Entry]:
        """The corrections that no step has told yet; asked for after `end`."""
        return self._deltas.carried()

    def end(self, out: Flush) -> None:
        """Put what was told since the last call into a batch's Flush."""
        deltas, facts = self._deltas, self._corrected
        for step in self._steps:
            facts += step.on_time
            facts += step.corrected
            out.links.append(step.links)
            for fact in step.on_time:
                deltas.add(fact)
            for fact in step.unlinked:
                deltas.count(fact, _UNLINKED, fact.time)
            deltas.close(step.links.watermark)
            for time, (was, now) in step.moved:
                deltas.correct(was, now, time)
        out.facts, self._corrected = facts, []
        self._steps, self._watermarks = [], []
        out.deltas = deltas.take()
        out.billing = self._feed.take()
