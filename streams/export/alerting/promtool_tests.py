"""promtool's unit tests as data, and how a file of them is written.

What is asked is whether ALERTS has a firing series, so that texts may change freely. Time starts at
0; a sample a minute unless said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.export.alerting.rules import GENERATED, comment, equals, yaml_text


@dataclass(slots=True)
class RuleTest:
    """One test: series by name in promtool's notation, and which alerts fire at which minute."""

    name: str
    series: dict[str, str]
    firing: list[tuple[int, str, bool]] = field(default_factory=list)
    interval: str = "1m"

    def expect(self, minute: int, alert: str, fires: bool, **labels: str) -> None:
        """Whether an alert of this name and these labels fires then."""
        matchers = "".join(f',{name}="{value}"' for name, value in labels.items())
        selector = f'ALERTS{{alertname="{alert}",alertstate="firing"{matchers}}}'
        self.firing.append((minute, selector, fires))

    def document(self) -> dict[str, Any]:
        """As promtool reads it."""
        return {
            "name": self.name,
            "interval": self.interval,
            "input_series": [
                {"series": series, "values": values} for series, values in self.series.items()
            ],
            "promql_expr_test": [
                {
                    "expr": f"count({selector})",
                    "eval_time": f"{minute}m",
                    "exp_samples": [{"labels": "{}", "value": 1}] if fires else [],
                }
                for minute, selector, fires in self.firing
            ],
        }


def tests_text(rules: str, groups: Sequence[str], tests: Sequence[RuleTest], every: str) -> str:
    """A file of tests of rules/<rules>.yaml: these groups in their order, `every` so often."""
    document = {
        "rule_files": [f"../rules/{rules}.yaml"],
        "evaluation_interval": every,
        # Of groups that are not named here promtool evaluates any first.
        "group_eval_order": list(groups),
        "tests": [test.document() for test in tests],
    }
    return "\n".join([*comment(GENERATED), yaml_text(document)])


def series(name: str, labels: Mapping[str, str]) -> str:
    """A series as promtool and PromQL write it."""
    matchers = ",".join(equals(label, value) for label, value in labels.items())
    return f"{name}{{{matchers}}}"
