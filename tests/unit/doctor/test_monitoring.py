"""What the answers of Prometheus and Alertmanager mean; tests/e2e/test_doctor.py asks real ones."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contract_files import load_contracts
from streams.doctor.alertmanager import receivers
from streams.doctor.prometheus import loaded, scraping
from tests.examined import CONTRACT

BOOK = load_contracts([CONTRACT])


def target(health: str, error: str = "", job: str = "baton") -> dict[str, Any]:
    return {
        "labels": {"job": job},
        "health": health,
        "lastError": error,
        "scrapeUrl": "http://worker:9464/metrics",
    }


@pytest.mark.parametrize(
    ("targets", "verdict", "told"),
    [
        ([], "wrong", "no job named 'baton'"),
        ([target("up", job="other")], "wrong", "no job named 'baton'"),
        ([target("up")], "ok", "1 workers"),
        ([target("unknown")], "warn", "not scraped yet"),
        ([target("up"), target("down", "EOF")], "wrong", "1 of 2"),
    ],
)
def test_targets(targets: list[dict[str, Any]], verdict: str, told: str) -> None:
    found = scraping(targets)
    assert found.verdict == verdict
    assert told in found.what


def test_a_target_that_refuses_the_token_is_told_apart() -> None:
    found = scraping([target("down", "server returned HTTP status 401 Unauthorized")])
    assert "--scrape-token-file" in found.fix


def test_rules_that_fail_are_named() -> None:
    rule = {"name": "BatonDown", "type": "alerting", "health": "err", "lastError": "parse"}
    found = loaded([{"name": "x", "rules": [rule]}], None)
    assert (found.verdict, "BatonDown" in found.what) == ("wrong", True)


def test_a_receiver_without_any_means_tells_nobody() -> None:
    config = {"receivers": [{"name": "real-data-page"}, {"name": "real-data-ticket"}]}
    found = receivers(config, BOOK)
    assert (found.verdict, "tell nobody" in found.what) == ("wrong", True)
