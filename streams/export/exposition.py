"""Families as Prometheus reads them, in pieces: the text format 0.0.4 or OpenMetrics 1.0.

prometheus_client's own writers check every label's name anew and hold the loop until the whole page
stands: 10 us a series against 2. Byte for byte this is what they write (tests/unit/export) of
families as Baton makes them: names that Prometheus always took, no timestamps, units, exemplars.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from operator import itemgetter

from prometheus_client.core import Metric
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from streams.export.families import Gauge

# Of one piece: a fraction of a millisecond.
_SAMPLES = 100


def written(families: Iterable[Metric | None], *, openmetrics: bool) -> Iterator[str]:
    """The page in pieces, in order; an empty one where `families` pauses (None)."""
    for family in families:
        if family is None:
            yield ""
            continue
        yield _head(family, openmetrics=openmetrics)
        lines = _gauge_lines(family) if isinstance(family, Gauge) else _lines(family)
        while piece := "".join(islice(lines, _SAMPLES)):
            yield piece
    if openmetrics:
        yield "# EOF\n"


def _head(family: Metric, *, openmetrics: bool) -> str:
    name, meaning = family.name, _escaped(family.documentation)
    if openmetrics:
        meaning = meaning.replace('"', r"\"")
    elif family.type == "counter":
        name += "_total"
    return f"# HELP {name} {meaning}\n# TYPE {name} {family.type}\n"


def _gauge_lines(family: Gauge) -> Iterator[str]:
    # Without a Sample a value: to make those of a large family holds the loop for 20 ms.
    name, order = family.name, sorted(enumerate(family.label_names), key=itemgetter(1))
    for labels, value in family.values:
        number = floatToGoString(value)  # type: ignore[no-untyped-call]
        if not labels:
            yield f"{name} {number}\n"
            continue
        pairs = ",".join([_pair(label, labels[at]) for at, label in order])
        yield f"{name}{{{pairs}}} {number}\n"


def _lines(family: Metric) -> Iterator[str]:
    names: dict[tuple[str, ...], list[str]] = {}
    for sample in family.samples:
        yield _line(sample, names)


def _line(sample: Sample, sorted_names: dict[tuple[str, ...], list[str]]) -> str:
    labels, value = sample.labels, floatToGoString(sample.value)  # type: ignore[no-untyped-call]
    if not labels:
        return f"{sample.name} {value}\n"
    given = tuple(labels)
    names = sorted_names.get(given)
    if names is None:
        names = sorted_names[given] = sorted(given)
    pairs = ",".join([_pair(name, labels[name]) for name in names])
    return f"{sample.name}{{{pairs}}} {value}\n"


# Labels are bounded by the contract, but versions of the AI come and go.
@lru_cache(maxsize=65_536)
def _pair(name: str, value: str) -> str:
    said = _escaped(value).replace('"', r"\"")
    return f'{name}="{said}"'


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")
