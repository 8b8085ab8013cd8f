"""Everything that is rendered from contracts, as files."""

from __future__ import annotations

from streams.domain.contract import ContractBook, ContractError
from streams.export.alerting.alertmanager_config import alertmanager_config
from streams.export.alerting.contract_rules import contract_rules, ruled_terms
from streams.export.alerting.money_rule_tests import money_tests
from streams.export.alerting.money_rules import money_rules
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.pipeline_rule_tests import pipeline_tests
from streams.export.alerting.pipeline_rules import pipeline_rules
from streams.export.alerting.prometheus_config import prometheus_config
from streams.export.alerting.promtool_tests import tests_text
from streams.export.alerting.rule_tests import rate_tests, silence_tests, state_tests

PIPELINE = "baton"


def rendered(book: ContractBook, options: RenderOptions) -> dict[str, str]:
    """The text of each file, by its path below deploy/; the same for the same contracts.

    Raises ContractError for a contract that has the name of the pipeline's own rules.
    """
    if PIPELINE in book:
        raise ContractError(f"a contract cannot be named {PIPELINE!r}: its rules' file is Baton's")
    pipeline = pipeline_rules(options)
    files = {
        "prometheus/prometheus.yml": prometheus_config(options),
        "prometheus/rules/baton.yaml": pipeline.text(),
        "prometheus/tests/baton.yaml": tests_text(
            PIPELINE, pipeline.group_names, pipeline_tests(options), "1m"
        ),
        "alertmanager/alertmanager.yml": alertmanager_config(book, options),
    }
    for name in book.names:
        rules, terms = contract_rules(book, name, options), ruled_terms(book, name)
        files[f"prometheus/rules/{name}.yaml"] = rules.text()
        # What takes hours or days is evaluated less often, or promtool takes minutes.
        for kind, tests, every in (
            ("states", state_tests(terms), "1m"),
            ("rates", rate_tests(terms), "10m"),
            ("silence", silence_tests(terms), "30m"),
        ):
            text = tests_text(name, rules.group_names, tests, every)
            files[f"prometheus/tests/{name}-{kind}.yaml"] = text
        if money := money_rules(terms, options):
            # A file of its own: a period's grace is weeks, too long to evaluate all rules over.
            # No contract has such a name, which may hold no underscore.
            file = f"{name}_money"
            files[f"prometheus/rules/{file}.yaml"] = money.text()
            files[f"prometheus/tests/{file}.yaml"] = tests_text(
                file, money.group_names, money_tests(terms), "10m"
            )
    return files
