"""deploy/grafana is what the contracts give, and what a contract promises is on its dashboard."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from streams.domain.contract import AMOUNTS, ContractBook
from streams.export.dashboards.addresses import (
    OVERVIEW,
    RUNBOOKS,
    contract_uid,
    dashboard_path,
)
from streams.export.dashboards.promises import promises
from streams.export.dashboards.rendering import render_dashboards, write_dashboards
from tests.dashboard_files import ShownPanel, panels_of, rendered
from tests.unit.export.dashboards.books import BUNDLED, EVERYTHING, LONG, NO_CLAUSES

REPO = Path(__file__).parents[4]
GRAFANA = REPO / "deploy" / "grafana"
TELCO = "telco-2026"


def test_the_files_in_deploy_are_what_the_contracts_give() -> None:
    written = {path.name: path.read_bytes() for path in (GRAFANA / "dashboards").iterdir()}
    assert written == render_dashboards(BUNDLED), "python -m streams.export.dashboards writes them"


def test_another_process_with_other_hash_seeds_writes_the_same_bytes(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-m", "streams.export.dashboards", str(tmp_path / seed)],
            env=os.environ | {"PYTHONHASHSEED": seed},
            cwd=REPO,
            check=True,
            capture_output=True,
        )
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / seed).iterdir()}
        for seed in ("1", "2")
    )
    assert first == second == render_dashboards(BUNDLED)


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True)


def test_a_worker_needs_nothing_that_builds_dashboards() -> None:
    done = python(
        "import sys; sys.modules['grafana_foundation_sdk'] = None\n"
        "import streams.app, streams.export.alerting.rules, streams.export.dashboards.addresses"
    )
    assert done.returncode == 0, done.stderr


def test_who_lacks_the_extra_is_told_how_to_get_it() -> None:
    done = python(
        "import runpy, sys; sys.modules['grafana_foundation_sdk'] = None\n"
        "runpy.run_module('streams.export.dashboards', run_name='__main__')"
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("pip install 'baton-streams[dashboards]'")
    assert "Traceback" not in done.stderr


def test_the_dashboard_of_a_contract_that_is_gone_is_removed(tmp_path: Path) -> None:
    (tmp_path / "baton-c-gone.json").write_text("{}")
    (tmp_path / "of-somebody-else.json").write_text("{}")
    write_dashboards(BUNDLED, tmp_path)
    assert not (tmp_path / "baton-c-gone.json").exists()
    assert (tmp_path / "of-somebody-else.json").exists()


@pytest.mark.parametrize("contract", EVERYTHING.names)
def test_every_clause_of_every_version_has_a_row_with_its_figures(contract: str) -> None:
    dashboard = rendered(EVERYTHING)[contract_uid(contract)]
    rows: dict[str, list[ShownPanel]] = {}
    for panel in dashboard["panels"]:
        if panel["type"] == "row":
            rows[panel["title"].partition(":")[0]] = current = []
        else:
            current.append(ShownPanel(dashboard["uid"], panel))
    clauses = {c.id: c for v in EVERYTHING.versions(contract) for c in v.clauses}
    assert rows.keys() - {"Now", "Money"} == clauses.keys()
    for name, clause in clauses.items():
        asked = " ".join(each.expr for panel in rows[name] for each in panel.asked)
        assert f'clause="{name}"' in asked
        if clause.indicator == "escalation_wait":
            assert "baton_overdue_handoffs" in asked
        else:
            assert "baton_clause_value" in asked
            assert "baton_clause_target" in asked


def test_the_target_is_drawn_as_a_line_of_its_own() -> None:
    drawn = [
        (panel, asked)
        for panel in panels_of(rendered(EVERYTHING)[contract_uid(TELCO)])
        for asked in panel.asked
        if "baton_clause_target{" in asked.expr and asked.legend == "target"
    ]
    assert drawn
    for panel, asked in drawn:
        (override,) = (
            each
            for each in panel.json["fieldConfig"]["overrides"]
            if each["matcher"] == {"id": "byFrameRefID", "options": asked.ref}
        )
        assert {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [8, 6]}} in override[
            "properties"
        ]


def test_an_amount_is_shown_in_its_own_unit_and_a_share_in_percent() -> None:
    units: dict[str, str] = {}
    for panel in panels_of(rendered(EVERYTHING)[contract_uid(TELCO)]):
        if panel.title == "Value and target":
            clause = re.search('clause="([^"]+)"', panel.asked[0].expr)
            assert clause is not None
            units[clause[1]] = panel.json["fieldConfig"]["defaults"]["unit"]
    for one in promises(EVERYTHING, TELCO):
        if one.clause.indicator == "cost_per_verified":
            assert units[one.clause.id] == "currency:SGD "
        elif one.clause.indicator in AMOUNTS:
            assert units[one.clause.id] == "none"
        elif not one.is_wait:
            assert units[one.clause.id] == "percentunit"


def test_a_contract_is_found_from_the_overview_however_long_its_name() -> None:
    (tiles,) = (p for p in panels_of(rendered(EVERYTHING)[OVERVIEW]) if p.title == "Contracts")
    assert "/d/${__field.labels.dashboard}?" in str(tiles.json["fieldConfig"])
    assert len(contract_uid(LONG)) == 40  # Grafana takes no longer ones
    assert contract_uid(TELCO) == f"baton-c-{TELCO}"
    assert f'"dashboard", "{contract_uid(LONG)}", "contract", "{LONG}"' in tiles.asked[0].expr
    assert contract_uid(LONG + "-x") != contract_uid(LONG)


def test_an_alert_s_link_carries_the_variables() -> None:
    assert dashboard_path(OVERVIEW) == "/d/baton-overview"
    assert dashboard_path("x", channel="a b", contract="c") == "/d/x?var-channel=a+b&var-contract=c"


def test_speed_is_shown_where_a_contract_sets_a_time_for_it() -> None:
    def asked(book: ContractBook) -> str:
        dashboard = rendered(book)["baton-outcomes"]
        return str([each.asked for each in panels_of(dashboard) if each.title == "Speed"])

    everything = asked(EVERYTHING)
    assert all(name in everything for name in ("first_response_within", "answer_removed_within"))
    assert asked(NO_CLAUSES) == "[]"


def test_money_of_two_currencies_is_not_drawn_on_one_axis() -> None:
    units = {
        panel.title: panel.json["fieldConfig"]["defaults"]["unit"]
        for panel in panels_of(rendered(EVERYTHING)["baton-outcomes"])
        if panel.title.startswith("Cost of a verified")
    }
    assert units == {
        "Cost of a verified resolution, PHP": "currency:PHP ",
        "Cost of a verified resolution, SGD": "currency:SGD ",
    }


def test_the_runbooks_can_be_elsewhere() -> None:
    for content in render_dashboards(BUNDLED, runbooks="https://wiki.example/baton").values():
        assert b"https://wiki.example/baton" in content
        assert RUNBOOKS.encode() not in content


def test_grafana_is_provisioned_with_a_data_source_and_the_folder() -> None:
    (datasources,) = (
        yaml.safe_load(path.read_text())["datasources"]
        for path in (GRAFANA / "provisioning" / "datasources").iterdir()
    )
    prometheus = next(one for one in datasources if one["type"] == "prometheus")
    assert prometheus["isDefault"] is True
    # $__rate_interval is four of these; without it Grafana takes 15 s whatever Prometheus does.
    assert prometheus["jsonData"]["timeInterval"] == "15s"
    (providers,) = (
        yaml.safe_load(path.read_text())["providers"]
        for path in (GRAFANA / "provisioning" / "dashboards").iterdir()
    )
    (provider,) = providers
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert provider["disableDeletion"] is False
    assert provider["options"]["path"] == "/var/lib/grafana/dashboards/baton"
