"""README's tables say what the code declares, of every metric and topic and of no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from pydantic import SecretStr

from streams.domain.contract import ContractBook
from streams.export.collector import BatonCollector
from streams.export.metric_defs import ALL, MetricDef
from streams.export.reference import metrics_table, settings_table, topics_table
from streams.export.telemetry import Telemetry
from streams.kafka.topics import TopicSpec, declared_topics
from streams.settings import Settings
from streams.sources.reference import platforms_table

README = Path(__file__).parents[2] / "README.md"


def between(marker: str) -> str:
    """README's text between `<!-- marker -->` and `<!-- /marker -->`, which stand there once."""
    text = README.read_text(encoding="utf-8")
    found: list[str] = re.findall(
        rf"^<!-- {marker} -->\n(.*?)\n<!-- /{marker} -->$", text, re.DOTALL | re.MULTILINE
    )
    assert len(found) == 1, (
        f"README.md needs one <!-- {marker} --> ... <!-- /{marker} -->, each on its own line"
    )
    return found[0].strip("\n")


def rows(table: str) -> dict[str, tuple[str, ...]]:
    """The rows of a Markdown table by what stands in their first cell, in backquotes."""
    lines = [re.split(r"(?<!\\) ?\| ?", line)[1:-1] for line in table.splitlines()[2:]]
    found = {cells[0].strip("`"): tuple(cells[1:]) for cells in lines}
    assert len(found) == len(lines)
    return found


def test_readme_s_metrics_are_what_the_code_prints() -> None:
    assert between("metrics") == metrics_table(), "python -m streams.export.reference prints it"


def test_readme_s_topics_are_what_the_code_prints() -> None:
    assert between("topics") == topics_table(), "python -m streams.export.reference prints it"


def test_readme_s_settings_are_what_the_code_prints() -> None:
    assert between("settings") == settings_table(), "python -m streams.export.reference prints it"


def test_readme_s_platforms_are_what_the_adapters_declare() -> None:
    assert between("platforms") == platforms_table(), "baton source list --format markdown"


def test_a_secret_has_a_variable_and_no_flag() -> None:
    lines = [line for line in settings_table().splitlines() if line.startswith("| - |")]
    named = [line.split("`")[1] for line in lines]
    secrets = [n for n, field in Settings.model_fields.items() if field.annotation is SecretStr]
    assert named == [f"BATON_{name.upper()}" for name in secrets]


@pytest.mark.parametrize("definition", ALL, ids=lambda definition: definition.name)
def test_a_metric_has_a_row_with_kind_labels_and_meaning(definition: MetricDef) -> None:
    name = {"counter": f"{definition.name}_total"}.get(definition.kind, definition.name)
    kind, labels, meaning = rows(between("metrics"))[name]
    assert kind == definition.kind
    assert tuple(re.findall("`(.+?)`", labels)) == definition.labels
    assert meaning == definition.help


def test_the_metrics_with_a_row_are_those_of_a_worker_s_page() -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(
        BatonCollector(Telemetry(ContractBook([])), now=lambda: 0.0, lags=dict, ready=lambda: True)
    )
    shown = re.findall("^# TYPE (.+) (.+)$", generate_latest(registry).decode(), re.MULTILINE)
    listed = rows(between("metrics"))
    assert sorted(shown) == sorted((name, cells[0]) for name, cells in listed.items())


@pytest.mark.parametrize("spec", declared_topics(), ids=lambda spec: spec.name)
def test_a_topic_has_a_row_with_its_partitions_and_what_it_keeps(spec: TopicSpec) -> None:
    partitions, kept, largest = rows(between("topics"))[spec.name]
    assert int(partitions) == spec.partitions
    if spec.config["cleanup.policy"] == "compact":
        assert kept == "the last value of each key"
    elif spec.config["cleanup.policy"] == "compact,delete":
        days = int(spec.config["retention.ms"]) // 86_400_000
        assert kept == f"{days} d, or until a tombstone"
    elif spec.config["retention.ms"] == "-1":
        assert kept == "always"
    else:
        assert int(kept.removesuffix(" d")) * 86_400_000 == int(spec.config["retention.ms"])
    limit = spec.config.get("max.message.bytes")
    assert largest == ("-" if limit is None else f"{int(limit) // 2**20} MiB")


def test_the_topics_with_a_row_are_those_declared() -> None:
    assert list(rows(between("topics"))) == [spec.name for spec in declared_topics()]
