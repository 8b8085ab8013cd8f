"""`make audit`: known vulnerabilities in what requirements.lock pins, by pip-audit.

pip-audit counts a package that the service does not answer for as skipped, and ends with 0. Here
clean means that every pinned package was asked for and none has a known vulnerability. Exit codes:
0 clean, 1 vulnerabilities, 2 the service could not be asked. Runs in .venv-audit.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path("requirements.lock")
# Findings that do not apply to Baton, each with the reason: `"GHSA-...": "why"`.
ACCEPTED: dict[str, str] = {}


def verdict(output: str, errors: str) -> tuple[int, str]:
    """Exit code and message from what `pip-audit --format json` wrote."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        packages = []
    found = [
        f"{package['name']} {package['version']}: {each['id']}"
        f" (fixed in {', '.join(each['fix_versions']) or 'no version yet'})"
        for package in packages
        for each in package.get("vulns", ())
    ]
    skipped = [package for package in packages if "skip_reason" in package]
    if found:
        return 1, "\n".join(
            [*found, "update the lock with `make lock`, or accept it with a reason"]
        )
    if skipped or not packages:
        said = (
            skipped[0]["skip_reason"] if skipped else (errors.strip() or "nothing").splitlines()[-1]
        )
        return 2, (
            f"the vulnerability service could not be asked for {len(skipped) or 'any'} packages"
            f" of {LOCK}; this says nothing of them. It said: {said[:300]}"
        )
    return 0, f"{len(packages)} packages of {LOCK}: no known vulnerability"


def main() -> int:
    """Run pip-audit and say what came of it."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"),
            *("--requirement", str(LOCK), "--require-hashes", "--disable-pip", "--timeout", "30"),
            *(part for known in ACCEPTED for part in ("--ignore-vuln", known)),
        ],
        capture_output=True,
        text=True,
    )
    code, message = verdict(done.stdout, done.stderr)
    print(message, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main())
