"""What was read of payloads, and how: for `baton source check` and the tests."""

from __future__ import annotations

import re
from collections import Counter
from typing import Literal

# How a value was read.
Way = Literal["id", "pseudonym", "label", "word", "time", "number", "decided"]

_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$:./-]{0,63}")


class Journal:
    """What was read of payloads, by path and way, and the leaves that they had."""

    def __init__(self) -> None:
        self.read: Counter[tuple[str, Way]] = Counter()
        self.leaves: Counter[str] = Counter()
        # Values that a closed list of the adapter does not have.
        self.unlisted: Counter[str] = Counter()

    def add_leaves(self, value: object, path: str = "") -> None:
        """Count the paths of the scalars in `value` at `path`; what is null or empty is none."""
        waiting: list[tuple[str, object]] = [(path, value)]
        while waiting:
            path, node = waiting.pop()
            if isinstance(node, dict):
                waiting += [(joined(path, _shown(key)), each) for key, each in node.items()]
            elif isinstance(node, list):
                waiting += [(f"{path}[]", each) for each in node]
            elif node is not None and node != "":
                self.leaves[path] += 1

    def dropped(self) -> Counter[str]:
        """Leaves that no adapter asked for, by path: they went nowhere."""
        asked = {path for path, _ in self.read}
        return Counter({path: n for path, n in self.leaves.items() if path not in asked})


def joined(base: str, step: str) -> str:
    """The path of the field `step` of what stands at `base`."""
    return f"{base}.{step}" if base else step


def _shown(key: object) -> str:
    # A name that is none of a schema may be a person's.
    return key if isinstance(key, str) and _PLAIN_KEY.fullmatch(key) else "*"
