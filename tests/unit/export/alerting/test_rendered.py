"""What `baton contract render` writes: the committed files, judged by promtool and amtool."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.contract_files import load_contracts
from streams.domain.billing.feed import is_billed
from streams.domain.clause_counts import COUNTED
from streams.domain.commercial import CommercialTerms
from streams.domain.contract import Clause, ContractBook, ContractError
from streams.export.alerting.burn import feasible_pairs
from streams.export.alerting.deployment import rendered
from streams.export.alerting.money_rules import share_ppm
from streams.export.alerting.options import RenderOptions
from streams.export.metric_defs import ALL
from streams.export.reference import exposed_name
from tests.unit.export.alerting.every_clause import EVERY
from tests.unit.oracle.verdicts import TERMS, book_with

DEPLOY = Path(__file__).parents[4] / "deploy"
OPTIONS = RenderOptions()
BOOK = load_contracts([DEPLOY / "contracts"])
FILES = rendered(BOOK, OPTIONS)
RULES = {
    name: yaml.safe_load(text)
    for files in (FILES, rendered(EVERY, OPTIONS))
    for name, text in files.items()
    if "/rules/" in name
}
ALERTS: list[dict[str, Any]] = [
    rule
    for document in RULES.values()
    for group in document["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


def tool(name: str, *arguments: str, where: Path) -> str:
    """What the tool says, which must have succeeded."""
    binary = shutil.which(name)
    if binary is None:
        pytest.skip(f"no {name} here: apt-get install prometheus prometheus-alertmanager")
    done = subprocess.run([binary, *arguments], cwd=where, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def written(files: dict[str, str], folder: Path) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_the_committed_files_are_what_the_contracts_give() -> None:
    told = "run `baton contract render` and commit what it writes"
    committed = {
        str(path.relative_to(DEPLOY)): path.read_text()
        for folder in ("prometheus", "alertmanager")
        for path in (DEPLOY / folder).rglob("*")
        if path.is_file()
    }
    assert committed.keys() == FILES.keys(), told
    for name, text in FILES.items():
        assert committed[name] == text, f"{name}: {told}"


def test_the_same_contracts_give_the_same_files() -> None:
    again = load_contracts(sorted((DEPLOY / "contracts").glob("*.yaml"), reverse=True))
    assert rendered(again, OPTIONS) == FILES


@pytest.mark.parametrize("book", [BOOK, EVERY], ids=["ours", "every"])
def test_promtool_finds_nothing_wrong_with_rules_and_configuration(
    book: ContractBook, tmp_path: Path
) -> None:
    folder = written(rendered(book, OPTIONS), tmp_path) / "prometheus"
    rules = [str(path) for path in sorted((folder / "rules").iterdir())]
    tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", *rules, where=folder)
    tool(
        "promtool", "check", "config", "--lint=all", "--lint-fatal", "prometheus.yml", where=folder
    )


@pytest.mark.parametrize("name", sorted(name for name in FILES if "/tests/" in name))
def test_the_rules_do_what_their_tests_say(name: str) -> None:
    path = Path(name)
    tool("promtool", "test", "rules", path.name, where=DEPLOY / path.parent)


@pytest.mark.parametrize("kind", ["states", "rates", "silence"])
def test_so_they_do_for_a_clause_of_every_indicator(kind: str, tmp_path: Path) -> None:
    folder = written(rendered(EVERY, OPTIONS), tmp_path)
    tool("promtool", "test", "rules", f"every-{kind}.yaml", where=folder / "prometheus/tests")


def test_every_alert_is_labelled_and_says_what_to_do() -> None:
    assert len(ALERTS) > 50
    for alert in ALERTS:
        assert alert["labels"]["severity"] in ("page", "ticket", "none"), alert["alert"]
        assert alert["labels"]["contract"], alert["alert"]
        assert alert["labels"]["clause"], alert["alert"]
        assert set(alert["annotations"]) == {
            "summary",
            "description",
            "runbook_url",
            "dashboard_url",
        }


def test_every_runbook_is_a_page_of_ours() -> None:
    for alert in ALERTS:
        page = alert["annotations"]["runbook_url"].removeprefix(OPTIONS.runbooks_url)
        assert (DEPLOY / "runbooks" / page.lstrip("/")).is_file(), alert["alert"]


def test_the_runbook_of_an_alert_names_it() -> None:
    index = (DEPLOY / "runbooks" / "README.md").read_text()
    for alert in ALERTS:
        if alert["labels"]["scope"] in ("clause", "money"):
            page = alert["annotations"]["runbook_url"].rpartition("/")[2]
            text = (DEPLOY / "runbooks" / page).read_text()
            assert f"`{alert['alert']}`" in text, alert["alert"]
            assert f"`{alert['alert']}`" in index, alert["alert"]


def test_rules_ask_only_for_metrics_that_are_exported() -> None:
    exported = {exposed_name(each) for each in ALL}
    recorded = {
        rule["record"]
        for document in RULES.values()
        for group in document["groups"]
        for rule in group["rules"]
        if "record" in rule
    }
    for document in RULES.values():
        for group in document["groups"]:
            for rule in group["rules"]:
                asked = set(re.findall(r"(?:contract_clause:)?\bbaton_[a-z0-9_:]+", rule["expr"]))
                assert asked <= exported | recorded


def test_each_clause_of_the_contracts_is_watched() -> None:
    for contract in BOOK.names:
        terms = BOOK.versions(contract)[-1]
        for clause in terms.clauses:
            kinds = {
                alert["alert"]
                for alert in ALERTS
                if (alert["labels"]["contract"], alert["labels"]["clause"]) == (contract, clause.id)
            }
            assert {"BatonClauseBreached", "BatonClauseNoData"} <= kinds
            wait = clause.indicator == "escalation_wait" and not terms.service_clock
            assert ("BatonHandoffOverdue" in kinds) is wait
            pairs = feasible_pairs(clause) if clause.indicator in COUNTED else ()
            burning = {"BatonClauseBurningFast" if p.fast else "BatonClauseBurning" for p in pairs}
            assert {kind for kind in kinds if "Burning" in kind} == burning
            budgeted = clause.period is not None and clause.indicator != "cost_per_verified"
            assert ("BatonClauseBudgetProjected" in kinds) is budgeted


def test_the_money_of_each_contract_that_has_any_is_watched() -> None:
    for contract in BOOK.names:
        versions = BOOK.versions(contract)
        money = versions[-1].commercial if is_billed(versions[-1:]) else None
        kinds = {
            alert["alert"]
            for alert in ALERTS
            if (alert["labels"]["contract"], alert["labels"]["scope"]) == (contract, "money")
        }
        watched = {"BatonBillingStalled", "BatonSealMissing"} if money else set()
        assert kinds == watched | ({"BatonCreditsAtRisk"} if money and money.at_risk_ppm else set())


def test_credits_are_at_risk_from_half_of_the_most_that_can_be_credited() -> None:
    def share(at_risk: int, cap: int) -> int:
        return share_ppm(CommercialTerms("SGD", at_risk_ppm=at_risk, cap_ppm=cap))

    assert share(150_000, 120_000) == 60_000
    assert share(150_000, 150_000) == share(150_000, 300_000) == share(150_000, 0) == 75_000
    assert share(0, 100_000) == 0


def test_a_contract_of_service_hours_has_no_rule_on_elapsed_age() -> None:
    text = rendered(book_with(service_clock=True), OPTIONS)[
        f"prometheus/rules/{TERMS.contract}.yaml"
    ]
    assert "BatonHandoffOverdue" not in text
    assert "service hours" in text


def test_what_an_author_writes_into_a_filter_stays_a_value(tmp_path: Path) -> None:
    odd = 'say "hi" \\ or {up="1"}'
    clause = Clause("c", "escalation_within", ("market",), (("market", odd),), 300_000, 800_000)
    book = book_with(clause, scope={**TERMS.scope, "market": frozenset((odd,))})
    folder = written(rendered(book, OPTIONS), tmp_path)
    rules = f"prometheus/rules/{TERMS.contract}.yaml"
    tool("promtool", "check", "rules", rules, where=folder)
    tool(
        "promtool",
        "test",
        "rules",
        f"{TERMS.contract}-rates.yaml",
        where=folder / "prometheus/tests",
    )
    tool("amtool", "check-config", "alertmanager/alertmanager.yml", where=folder)


def test_a_contract_cannot_take_the_pipeline_s_name() -> None:
    with pytest.raises(ContractError, match="'baton'"):
        rendered(book_with(contract="baton"), OPTIONS)


@pytest.fixture(scope="module")
def alertmanager() -> Path:
    tool("amtool", "check-config", "alertmanager/alertmanager.yml", where=DEPLOY)
    return DEPLOY / "alertmanager" / "alertmanager.yml"


@pytest.mark.parametrize(
    ("receiver", "labels"),
    [
        ("deadman", "alertname=BatonWatchdog severity=none scope=pipeline contract=all"),
        ("baton-page", "alertname=BatonHeartbeatStale severity=page scope=pipeline contract=all"),
        ("baton-ticket", "alertname=BatonFenced severity=ticket scope=pipeline contract=all"),
        ("telco-2026-page", "alertname=A severity=page scope=clause contract=telco-2026"),
        ("telco-2026-page-SG", "alertname=A severity=page contract=telco-2026 market=SG"),
        ("telco-2026-page", "alertname=A severity=page contract=telco-2026 market=other"),
        ("telco-2026-ticket", "alertname=A severity=ticket contract=telco-2026 market=SG"),
        ("real-data-page", "alertname=A severity=page contract=real-data"),
        ("baton-ticket", "alertname=A severity=page contract=somebody-elses"),
    ],
)
def test_alerts_go_to_who_answers_for_them(alertmanager: Path, receiver: str, labels: str) -> None:
    tool(
        "amtool",
        "config",
        "routes",
        "test",
        f"--config.file={alertmanager}",
        f"--verify.receivers={receiver}",
        *labels.split(),
        where=DEPLOY,
    )


def _values(document: Any, of: str) -> Iterator[Any]:
    if isinstance(document, dict):
        for name, value in document.items():
            if re.search(of, name):
                yield value
            yield from _values(value, of)
    elif isinstance(document, list):
        for each in document:
            yield from _values(each, of)


def test_no_secret_is_written_only_where_it_lies() -> None:
    document = yaml.safe_load(FILES["alertmanager/alertmanager.yml"])
    references = list(_values(document, "_file$"))
    assert len(references) > 5
    assert all(path.startswith(OPTIONS.secrets_dir) for path in references)
    secret = (
        "^(routing_key|service_key|api_url|smtp_auth_password|auth_password|credentials|password)$"
    )
    assert list(_values(document, secret)) == []
