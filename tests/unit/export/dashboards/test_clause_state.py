"""What a clause's light says, by promtool: above all that silence is not compliance."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from streams.export.dashboards.queries import clause_state, counted, wait_met, where

CLAUSE = 'contract="c",clause="x",severity="page"'
KEY = 'contract="c",grouping="channel",channel="voice"'
STATE = clause_state(
    where('contract="c"'), where('contract="c"'), [wait_met("c", "x", "page", KEY)]
)
BREACHES = f"baton_breaches_total{{{CLAUSE}}}"
ALIVE = {"baton_ready": "1x20", BREACHES: "0x20"}
BREACHED, AT_RISK, MET, NOT_JUDGED = 3.0, 2.0, 1.0, 0.0


def figures(samples: int, misses_left: int, channel: str = "voice") -> dict[str, str]:
    """A key's clause series: judged from 20 samples on."""
    labels = f'{{{CLAUSE},channel="{channel}"}}'
    return {
        f"baton_clause_samples{labels}": f"{samples}x20",
        f"baton_clause_minimum_volume{labels}": "20x20",
        f"baton_clause_misses_left{labels}": f"{misses_left}x20",
        f"baton_clause_value{labels}": "0.9x20",
    }


def shown(tmp_path: Path, expr: str, series: Mapping[str, str], expected: float | None) -> str:
    """What promtool says against the value at 4 minutes (None: absent); empty where it holds."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("no promtool here: apt-get install prometheus")
    labels = f"{{{CLAUSE}}}" if "severity" in expr else "{}"
    samples = [] if expected is None else [{"labels": labels, "value": expected}]
    filled = expr.replace("$__rate_interval", "1m").replace("$contract", ".*")
    test = {
        "interval": "15s",
        "input_series": [{"series": name, "values": run} for name, run in series.items()],
        "promql_expr_test": [{"expr": filled, "eval_time": "4m", "exp_samples": samples}],
    }
    path = tmp_path / "state.json"  # JSON is YAML
    path.write_text(json.dumps({"rule_files": [], "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", path], capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


IN_BREACH = {f'baton_breach_active{{{CLAUSE},grouping="channel",channel="voice"}}': "1x20"}
WAITING = {f"baton_overdue_handoffs{{{KEY}}}": "0x20"}
# The last scrapes before 4 minutes failed; a rate over 1 minute still has a value.
GONE = "1x14 stale"


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param({**ALIVE, **figures(30, 4)}, MET, id="met"),
        pytest.param({**ALIVE, **figures(30, 0)}, AT_RISK, id="the next miss breaches"),
        pytest.param({**ALIVE, **figures(30, 4), **IN_BREACH}, BREACHED, id="breached"),
        pytest.param({**ALIVE, **figures(19, 0)}, NOT_JUDGED, id="too few samples"),
        pytest.param(
            {**ALIVE, **figures(30, 4), **figures(30, 0, "chat")}, AT_RISK, id="worst key"
        ),
        pytest.param(
            {**ALIVE, **figures(30, 4), **figures(3, 0, "chat")}, MET, id="the other is not judged"
        ),
        pytest.param({**ALIVE, **WAITING}, MET, id="nobody waits too long"),
        pytest.param({**ALIVE, **WAITING, **IN_BREACH}, BREACHED, id="somebody does"),
        pytest.param(ALIVE, NOT_JUDGED, id="nothing seen yet"),
        pytest.param({}, None, id="no worker ever"),
        pytest.param(
            dict.fromkeys((*ALIVE, *WAITING), GONE), None, id="no worker is reached any more"
        ),
        pytest.param(dict.fromkeys((*ALIVE, *figures(30, 4)), GONE), None, id="nor its figures"),
    ],
)
def test_the_light_of_a_clause(
    tmp_path: Path, series: Mapping[str, str], expected: float | None
) -> None:
    assert shown(tmp_path, STATE, series, expected) == ""


def test_a_light_that_is_wrong_is_told(tmp_path: Path) -> None:
    assert shown(tmp_path, STATE, {**ALIVE, **figures(30, 4)}, BREACHED) != ""


@pytest.mark.parametrize(
    ("series", "expected"),
    [
        pytest.param({**ALIVE, **IN_BREACH}, 1.0, id="one"),
        pytest.param(ALIVE, 0.0, id="none"),
        pytest.param(dict.fromkeys(ALIVE, GONE), None, id="nobody knows"),
    ],
)
def test_no_breach_is_0_only_while_a_worker_says_so(
    tmp_path: Path, series: Mapping[str, str], expected: float | None
) -> None:
    selector = where('contract="c"')
    assert (
        shown(tmp_path, counted("baton_breach_active", selector, selector), series, expected) == ""
    )
