"""What comes with Baton beside its code: contracts, JSON Schemas, permissions.

In an installation they lie in the package, in a checkout where people look for them.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

_IN_A_CHECKOUT = {
    "contracts": "deploy/contracts",
    "kafka": "deploy/kafka",
    "schemas": "schemas",
}


def bundled(what: Literal["contracts", "kafka", "schemas"]) -> Path:
    """The folder of these files."""
    # A path: files are named to other processes and to people, so Baton is not run from a zip.
    package = Path(str(files("streams")))
    installed = package / "_bundled" / what
    return installed if installed.is_dir() else package.parent / _IN_A_CHECKOUT[what]
