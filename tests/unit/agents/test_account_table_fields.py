"""Lines in the accounts table: by position, so the positions must be a Line's."""

from __future__ import annotations

import dataclasses
import typing

from streams.agents import account_table
from streams.domain.billing.line import Line


def test_the_fields_of_a_line_stand_in_its_order_with_its_types() -> None:
    types = typing.get_type_hints(Line)
    fields = [types[field.name] for field in dataclasses.fields(Line)]
    assert list(typing.get_args(account_table._LineFields)) == fields
