"""The alerts on a contract's money: credits that come near what can be credited, and a ledger that
stands still. They watch; what is owed is settled from the billing topics.
"""

from __future__ import annotations

from streams.domain.billing.feed import is_billed
from streams.domain.commercial import CommercialTerms
from streams.domain.contract import PPM, Terms
from streams.export.alerting.links import contract_uid
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.rules import Alert, Group, RuleFile, equals

# Of the most that can be credited in a period, where the alert begins. The cap is the contract's;
# beyond it more breaches cost nothing more, so half of it is a time at which acting still pays.
AT_RISK_PPM = PPM // 2
# Facts wait for their verification window, not the ledger: it follows the watermark at once.
BEHIND_S = 15 * 60
# A seal is written at the first watermark past the grace; clocks and lateness need no more.
_SEAL_SLACK_MS = 3_600_000
_SHORTEST_PERIOD_S = 28 * 86_400


def money_rules(terms: Terms, options: RenderOptions) -> RuleFile | None:
    """rules/<contract>_money.yaml of a contract that is billed, else None."""
    if terms.commercial is None or not is_billed((terms,)):
        return None
    make = _Alerts(terms, terms.commercial, options)
    rules = [*make.at_risk(), make.stalled()]
    if sealed_in_time(terms):
        rules.append(make.seal_missing())
    comments = (
        "Amounts are millionths of the contract's currency."
        + (
            f" Credits are at risk from {share_ppm(terms.commercial) / 10_000:g} % of the fees on:"
            " half of the most that the contract lets be credited."
            if share_ppm(terms.commercial)
            else ""
        ),
    )
    group = Group(f"baton:{terms.contract}:money", tuple(rules), comments)
    return RuleFile(f"The money of contract {terms.contract}, version {terms.version}.", [group])


def share_ppm(money: CommercialTerms) -> int:
    """From which share of a period's fees (ppm) on credits are at risk: of the pool, or of the cap
    where that is less; 0 where nothing is at risk.
    """
    most = min(money.cap_ppm or money.at_risk_ppm, money.at_risk_ppm)
    return most * AT_RISK_PPM // PPM


def grace_s(terms: Terms) -> int:
    """How long (s) a period may be in grace before its seal is missed."""
    assert terms.commercial is not None
    grace = terms.commercial.billing.grace_ms
    return ((terms.verification_ms if grace is None else grace) + _SEAL_SLACK_MS) // 1000


def sealed_in_time(terms: Terms) -> bool:
    """Whether a period's grace ends before the next one's begins, so that it can be told apart."""
    return grace_s(terms) < _SHORTEST_PERIOD_S


class _Alerts:
    def __init__(self, terms: Terms, money: CommercialTerms, options: RenderOptions) -> None:
        self._terms = terms
        self._money = money
        self._options = options
        self._where = f"{{{equals('contract', terms.contract)}}}"

    def at_risk(self) -> list[Alert]:
        share = share_ppm(self._money)
        if not share:
            return []
        credits = (
            "sum by (contract) (max by (contract, clause)"
            f" (baton_clause_money_at_risk_micros{self._where}))"
        )
        # What the period comes to and its credits together are its fees.
        total = f"max by (contract) (baton_billing_preview_micros{self._where})"
        return [
            self._alert(
                "BatonCreditsAtRisk",
                f"{credits}\n/ ({total} + {credits}) > {share / PPM:g}",
                "credits-at-risk",
                "service credits come near what can be credited",
                "As of now credits take {{ $value | humanizePercentage }} of the period's fees.",
                hold="15m",
            )
        ]

    def stalled(self) -> Alert:
        mark = f"baton_billing_watermark_timestamp_seconds{self._where}"
        return self._alert(
            "BatonBillingStalled",
            f"time() - max by (contract) ({mark}) > {BEHIND_S}\nor absent({mark})",
            "billing-stalled",
            "nothing is booked",
            "The ledger is more than 15 minutes behind, or no worker keeps it. What happened is not"
            " lost: it is booked when the ledger goes on.",
            hold="15m",
        )

    def seal_missing(self) -> Alert:
        state = f'{{{equals("contract", self._terms.contract)},period_state="grace"}}'
        return self._alert(
            "BatonSealMissing",
            f"max by (contract) (baton_billing_period_micros{state})",
            "seal-missing",
            "a period's grace is over and it is not closed",
            "Its statement is not final: {{ $value | humanize }} millionths are booked in it.",
            hold=f"{grace_s(self._terms)}s",
        )

    def _alert(
        self, name: str, expr: str, page: str, what: str, description: str, *, hold: str
    ) -> Alert:
        contract = self._terms.contract
        return Alert(
            name,
            expr,
            {"severity": "ticket", "contract": contract, "clause": "none", "scope": "money"},
            {
                "summary": f"{contract}: {what}",
                "description": description,
                "runbook_url": self._options.runbook(page),
                "dashboard_url": self._options.dashboard(contract_uid(contract)),
            },
            hold=hold,
        )
