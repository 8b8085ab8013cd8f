"""What one check found: a verdict, and for whom it is wrong what to do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["ok", "warn", "wrong"]
_EXIT: dict[Verdict, int] = {"ok": 0, "warn": 1, "wrong": 2}
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    `check` names it (stable, for programs), `what` says what is so, `why` what comes of it, `fix`
    is the command or setting that mends it. The last two are empty where it is ok.
    """

    check: str
    verdict: Verdict
    what: str
    why: str = ""
    fix: str = ""

    def document(self) -> dict[str, Any]:
        """It as plain data."""
        return asdict(self)


def ok(check: str, what: str) -> Finding:
    """Nothing to do."""
    return Finding(check, "ok", what)


def warn(check: str, what: str, why: str, fix: str) -> Finding:
    """Baton works, but something that people count on does not, or may soon not."""
    return Finding(check, "warn", what, why, fix)


def wrong(check: str, what: str, why: str, fix: str) -> Finding:
    """Baton does not work like this, or says what is not so."""
    return Finding(check, "wrong", what, why, fix)


def exit_code(findings: Iterable[Finding]) -> int:
    """0 all is well, 1 at least one warning, 2 at least one thing is wrong."""
    return max((_EXIT[each.verdict] for each in findings), default=0)


def named(names: Collection[str]) -> str:
    """Names in a sentence; of many, the first."""
    listed = sorted(names)
    more = len(listed) - _SHOWN
    return ", ".join(listed[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
