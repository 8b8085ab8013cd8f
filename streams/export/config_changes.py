"""Changes of the AI and its surroundings, as they are shown: counted, and the latest by their
time.
"""

from __future__ import annotations

from collections import Counter, OrderedDict

from streams.domain.contract import ContractBook, Dimension
from streams.domain.events import ConfigChanged, ConfigChangedData, epoch_ms

LATEST = 10
# A producer that repeats itself repeats what it said last.
_REMEMBERED = 1_000
_DIMENSIONS: dict[str, Dimension] = {
    "prompt": "prompt_version",
    "model": "model",
    "knowledge": "knowledge_version",
}


class ConfigChanges:
    """What a worker has read of `config.changed`.

    `counts` by (contract, object); `latest` maps a contract's (object, version as a label) to its
    latest time (ms), at most LATEST of them.
    """

    def __init__(self, book: ContractBook) -> None:
        self._book = book
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()
        self.counts: Counter[tuple[str, str]] = Counter()
        self.latest: dict[str, dict[tuple[str, str], int]] = {}

    def read(self, event: ConfigChanged) -> None:
        """Count an event that was read; the same one read again changes nothing."""
        identity = (event.source, event.id)
        if identity in self._seen:
            return
        self._seen[identity] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        data = event.data
        time = epoch_ms(event.time if data.effective_at is None else data.effective_at)
        self.counts[(data.contract, data.object)] += 1
        latest = self.latest.setdefault(data.contract, {})
        place = (data.object, self._version(data, time))
        latest[place] = max(time, latest.get(place, time))
        if len(latest) > LATEST:
            del latest[min(latest, key=lambda place: (latest[place], place))]

    def _version(self, data: ConfigChangedData, time: int) -> str:
        dimension = _DIMENSIONS.get(data.object)
        if dimension is not None:
            return self._book.at(data.contract, time).bounded(dimension, data.to_version)
        numbers = {str(terms.version) for terms in self._book.versions(data.contract)}
        own = data.object in ("sla", "price") and data.to_version in numbers
        return data.to_version if own else "other"
