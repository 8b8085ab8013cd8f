"""The rules of one contract."""

from __future__ import annotations

from streams.domain.contract import ContractBook, Terms
from streams.export.alerting.burn import WINDOWS
from streams.export.alerting.clause_rules import ClauseRules, recordings
from streams.export.alerting.options import RenderOptions
from streams.export.alerting.rules import RuleFile


def ruled_terms(book: ContractBook, contract: str) -> Terms:
    """The version whose clauses are watched: the last. Rendering has no clock, so a contract is
    rendered anew when its next version comes into force.
    """
    return book.versions(contract)[-1]


def contract_rules(book: ContractBook, contract: str, options: RenderOptions) -> RuleFile:
    """rules/<contract>.yaml."""
    terms = ruled_terms(book, contract)
    groups = [recordings(contract, WINDOWS)]
    groups += [ClauseRules(terms, clause, options).group() for clause in terms.clauses]
    return RuleFile(f"Contract {contract}, version {terms.version}.", groups)
