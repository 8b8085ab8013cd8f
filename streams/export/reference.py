"""README's tables of metrics and topics, in Markdown, made from what the code declares."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from streams.export.metric_defs import ALL, MetricDef
from streams.kafka.topics import TopicSpec, declared_topics
from streams.settings import Settings

_DAY_MS = 86_400_000
_MIB = 1024 * 1024


def metrics_table() -> str:
    """One row a metric: the name a query uses (counters with `_total`), kind, labels, meaning."""
    return _table(
        ("metric", "kind", "labels", "meaning"),
        (
            (_code(exposed_name(each)), each.kind, ", ".join(map(_code, each.labels)), each.help)
            for each in ALL
        ),
    )


def topics_table() -> str:
    """One row a topic of the default configuration: partitions, how long it keeps, largest batch.

    "-" stands where the broker's own default holds.
    """
    return _table(
        ("topic", "partitions", "kept", "largest batch"),
        (
            (_code(spec.name), str(spec.partitions), _kept(spec), _largest(spec))
            for spec in declared_topics()
        ),
    )


def settings_table() -> str:
    """One row a setting of `baton worker`: flag, variable, default, meaning.

    "-" stands where there is none; a secret has no flag.
    """
    return _table(
        ("flag", "variable", "default", "meaning"),
        (
            (
                "-" if field.annotation is SecretStr else _code(f"--{name.replace('_', '-')}"),
                _code(f"BATON_{name.upper()}"),
                _default(field),
                field.description or "",
            )
            for name, field in Settings.model_fields.items()
        ),
    )


def _default(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=True)
    if not default and not isinstance(default, bool | int | float):
        return "-"
    return _code(str(default).lower() if isinstance(default, bool) else str(default))


def exposed_name(definition: MetricDef) -> str:
    """The family's name as /metrics shows it; a histogram's series add _bucket, _sum, _count."""
    return f"{definition.name}_total" if definition.kind == "counter" else definition.name


def _kept(spec: TopicSpec) -> str:
    if spec.config["cleanup.policy"] == "compact":
        return "the last value of each key"
    if spec.config["retention.ms"] == "-1":
        return "always"
    days, rest = divmod(int(spec.config["retention.ms"]), _DAY_MS)
    kept = f"{days} d" if not rest else f"{spec.config['retention.ms']} ms"
    erasable = spec.config["cleanup.policy"] == "compact,delete"
    return f"{kept}, or until a tombstone" if erasable else kept


def _largest(spec: TopicSpec) -> str:
    given = spec.config.get("max.message.bytes")
    if given is None:
        return "-"
    mebibytes, rest = divmod(int(given), _MIB)
    return f"{mebibytes} MiB" if not rest else f"{given} B"


def _code(text: str) -> str:
    return f"`{text}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    print(metrics_table(), topics_table(), settings_table(), sep="\n\n")
