"""What lies on this machine: contracts, secrets, the folder of local state."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from streams.contract_files import checked
from streams.doctor.finding import Finding, named, ok, warn, wrong
from streams.domain.contract import ContractError
from streams.export.access import AccessError, pages_access
from streams.secrets import SecretError, secret
from streams.settings import Settings

_SECRETS = (
    "sasl_password",
    "ssl_key_password",
    "pages_token",
    "pages_password",
    "webhook_secret",
)
# A week of conversations at 1,000 events/s takes 10 GiB (deploy/CAPACITY.md).
_ROOM_WARN, _ROOM_WRONG = 2 * 1024**3, 128 * 1024**2


def look(settings: Settings, now_ms: int) -> list[Finding]:
    """Findings `contract`, `secrets`, `pages` and `state`."""
    return [*_contracts(settings, now_ms), *_secrets(settings), _pages(settings), _state(settings)]


def _contracts(settings: Settings, now_ms: int) -> list[Finding]:
    check = "contract"
    if not settings.contract:
        return [
            wrong(
                check,
                "no contract is named",
                "a worker judges by contracts and does not start without one",
                "--contract FILE   # or BATON_CONTRACT; deploy/contracts has examples",
            )
        ]
    try:
        terms, problems = checked(settings.contract)
    except ContractError as error:
        return [wrong(check, str(error), "a worker does not start", "--contract FILE")]
    paths = " ".join(map(str, settings.contract))
    errors = [each for each in problems if each.grade == "error"]
    if errors:
        first = errors[0]
        more = f", and {len(errors) - 1} more" if len(errors) > 1 else ""
        return [
            wrong(
                check,
                f"{first.place}: {first.message}{more}",
                "a worker does not start with a contract that it cannot judge by",
                f"baton contract check {paths}",
            )
        ]
    in_force = {
        one.contract
        for one in terms
        if one.effective_from_ms <= now_ms
        and (one.effective_to_ms is None or now_ms < one.effective_to_ms)
    }
    idle = {one.contract for one in terms} - in_force
    if idle:
        return [
            warn(
                check,
                f"no version in force now: {named(idle)}",
                "live events of these contracts are judged by nobody",
                f"baton contract check {paths}   # says from when to when; a replay may want it",
            )
        ]
    return [ok(check, f"in force: {named(in_force)}")]


def _secrets(settings: Settings) -> list[Finding]:
    check = "secrets"
    problems, open_to_all, read = [], {}, []
    for name in _SECRETS:
        file: Path | None = getattr(settings, f"{name}_file")
        try:
            secret(settings, name)
        except SecretError as error:
            problems.append(str(error))
            continue
        if file is not None:
            read.append(name)
            if file.stat().st_mode & stat.S_IRWXO:
                open_to_all[str(file)] = oct(file.stat().st_mode & 0o777)
    key = settings.ssl_keyfile or settings.ssl_certfile
    if key is not None and key.exists() and key.stat().st_mode & stat.S_IRWXO:
        open_to_all[str(key)] = oct(key.stat().st_mode & 0o777)
    if problems:
        return [
            wrong(
                check,
                problems[0],
                "a worker ends where it needs it",
                "ls -l FILE; id   # who is who",
            )
        ]
    if open_to_all:
        told = named([f"{file} ({mode})" for file, mode in open_to_all.items()])
        return [
            warn(
                check,
                f"everybody on this machine can read {told}",
                "who reads it can log in as the worker, or read every page",
                f"chmod o-rwx {' '.join(sorted(open_to_all))}",
            )
        ]
    how = f"{len(read)} read from files" if read else "none in files"
    return [ok(check, how)]


def _pages(settings: Settings) -> Finding:
    try:
        access = pages_access(settings)
    except (AccessError, SecretError) as error:
        return wrong(
            "pages",
            str(error),
            "a worker does not start",
            "head -c 32 /dev/urandom | base64 > pages-token && chmod 600 pages-token"
            "   # --pages-token-file pages-token",
        )
    how = "with credentials" if access.challenges else "to anybody"
    return ok("pages", f"served on {settings.host}:{settings.port} {how}")


def _state(settings: Settings) -> Finding:
    check, folder = "state", settings.state_dir
    if folder is None:
        return ok(check, "tables in memory, rebuilt from changelogs at each start")
    nearest = folder
    while not nearest.exists():
        nearest = nearest.parent
    if not (nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)):
        return wrong(
            check,
            f"--state-dir {folder}: {nearest} cannot be written as uid {os.getuid()}",
            "a worker ends at the start",
            f"install -d -o {os.getuid()} -m 700 {folder}   # as root",
        )
    return room(folder, shutil.disk_usage(nearest).free)


def room(folder: Path, free: int) -> Finding:
    """What `free` bytes mean to a worker that keeps its tables in `folder`."""
    check, what = "state", f"--state-dir {folder}: {free / 1024**3:.1f} GiB free"
    why = "a worker whose disk is full ends; deploy/CAPACITY.md says how much it needs"
    fix = f"df -h {folder}   # deploy/runbooks/disk-full.md"
    if free < _ROOM_WRONG:
        return wrong(check, what, why, fix)
    if free < _ROOM_WARN:
        return warn(check, what, why, fix)
    return ok(check, what)
