"""The documents under schemas/, by path, and validators over them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.unit.schemas.schema_shape import shape_of

Document = dict[str, Any]

SCHEMAS = Path(__file__).resolve().parents[3] / "schemas"
ID_BASE = "https://baton.invalid/schemas/"

_RFC3339 = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE
)
FORMATS = FormatChecker(formats=())


@FORMATS.checks("date-time", raises=ValueError)
def is_rfc3339(value: object) -> bool:
    """RFC 3339 date-time, whose offset is not optional. Leap seconds are refused."""
    if not isinstance(value, str):
        return True
    if not _RFC3339.fullmatch(value):
        return False
    datetime.fromisoformat(value.upper())
    return True


class SchemaStore:
    """Every JSON Schema below one folder; names are paths in it, such as `events/tick.json`."""

    def __init__(self, root: Path, documents: Mapping[str, Document]) -> None:
        self.root = root
        self.documents = dict(documents)
        self.registry: Registry[Any] = Registry().with_resources(
            (document["$id"], DRAFT202012.create_resource(document))
            for document in self.documents.values()
        )

    @classmethod
    def load(cls, root: Path) -> SchemaStore:
        """All *.json files below `root`, `released/` excepted. Raises OSError, JSONDecodeError."""
        return cls(
            root,
            {
                name: json.loads(file.read_text(encoding="utf-8"))
                for file in sorted(root.rglob("*.json"))
                if not (name := file.relative_to(root).as_posix()).startswith("released/")
            },
        )

    def names(self, folder: str) -> list[str]:
        """Schemas of whole records in a folder; files that begin with `_` are shared parts."""
        return [
            name
            for name in self.documents
            if name.startswith(f"{folder}/") and not name.startswith(f"{folder}/_")
        ]

    def validator(self, name: str, pointer: str = "") -> Any:
        """A 2020-12 validator of one schema, or of the part of it at a JSON pointer."""
        reference = {"$ref": self.documents[name]["$id"] + (f"#{pointer}" if pointer else "")}
        return Draft202012Validator(reference, registry=self.registry, format_checker=FORMATS)

    def shape(self, name: str, pointer: str = "") -> Document:
        """The canonical form of one schema (schema_shape.py)."""
        reference = self.documents[name]["$id"] + (f"#{pointer}" if pointer else "")
        return shape_of({"$ref": reference}, self.registry.resolver())
