"""One module a parser: `FORM` (how its input is mutated), `samples()`, and `check(data)`.

`check` returns or, where the property is broken, raises: an AssertionError, or whatever the parser
raised that it does not document.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract import ContractBook
from tests.fuzz.mutation import Form

NAMES = tuple(sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem != "__init__"))


class Target(Protocol):
    """What a target's module offers."""

    FORM: Form

    def samples(self) -> tuple[bytes, ...]:
        """Valid inputs, small."""

    def check(self, data: bytes) -> None:
        """Raise where reading `data` does what it must not."""


def load(name: str) -> Target:
    """The target of that name, one of NAMES."""
    return cast(Target, import_module(f"tests.fuzz.targets.{name}"))


@cache
def book() -> ContractBook:
    """The contract that targets judge by."""
    return load_contracts([bundled_contract("telco-2026")])
