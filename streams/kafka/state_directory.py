"""The folder in which one worker keeps its tables: {root}/{app id}/{table}/{partition}.

Nothing in it is needed: a table that cannot be trusted is removed and rebuilt from its changelog.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from streams.kafka.disk_table import DiskTable, marked, remove
from streams.kafka.partition_tables import CorruptStateError, StateDiskError, StateInUseError

Reason = Literal["corrupt", "foreign", "stale"]

# A changelog forgets a tombstone some time after it was written (topics.TOMBSTONES_KEPT_MS); a
# table that was not there to read it would keep its key for ever. So it must be younger.
KEPT_MS = 24 * 3600 * 1000
# A stamp further ahead than clocks differ says nothing about age.
_AHEAD_MS = 5 * 60 * 1000
_IDENTITY = "identity.json"
_LOCK = "lock"
_FORMAT = 1

log = logging.getLogger("baton")


class StateDirectory:
    """One worker's tables on disk, from `acquire` to `release`.

    `now_ms` is the wall clock in ms since 1970 UTC; `discarded` hears the table's name and the
    reason whenever a partition's local state is thrown away.
    """

    def __init__(
        self,
        root: Path,
        app_id: str,
        now_ms: Callable[[], int],
        discarded: Callable[[str, Reason], None],
    ) -> None:
        self.path = root / _file_name(app_id)
        self._app_id = app_id
        self._now_ms = now_ms
        self._discarded = discarded
        self._cluster = ""
        self._topics: Mapping[str, str] = {}
        self._lock: int | None = None

    def acquire(self, cluster: str, topics: Mapping[str, str]) -> None:
        """Take the folder for this process and remove what is too old in it.

        `cluster` is the id of the brokers' cluster and `topics` are those of the changelogs by
        name, empty or left out where they tell none. Raises StateInUseError where another worker
        has the folder, StateDiskError where it cannot be written.
        """
        self._cluster, self._topics = cluster, topics
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            _lock_whole(self._lock, self.path)
            for place in self._places():
                self._tidy(place)
        except OSError as error:
            self.release()
            raise StateDiskError(
                f"{self.path} cannot be used for local state: {error}; give another --state-dir"
            ) from error
        except StateInUseError:
            self.release()
            raise

    def _tidy(self, place: Path) -> None:
        if place.name.startswith("."):
            remove(place)
        elif self._untouched_ms(place) > KEPT_MS:
            log.info("%s: local state removed, last used more than a day ago", place)
            self._discarded(place.parent.name, "stale")
            remove(place)

    def release(self) -> None:
        """Let another process have the folder; its tables must be closed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _places(self) -> Iterator[Path]:
        for table in self.path.iterdir():
            if table.is_dir():
                yield from list(table.iterdir())

    def _untouched_ms(self, place: Path) -> int:
        touched = [place.stat().st_mtime, *(file.stat().st_mtime for file in place.glob("*/*"))]
        return self._now_ms() - int(max(touched) * 1000)

    def open(self, table: str, changelog: str, partition: int) -> DiskTable:
        """The table of one partition, read through and found right, or an empty one.

        `changelog` is the topic that it is a copy of. Raises StateDiskError or StateInUseError;
        what is corrupt, made from another topic or too old is thrown away with a line in the log.
        """
        place = self.path / table / str(partition)
        identity = {
            "format": _FORMAT,
            "app_id": self._app_id,
            "table": table,
            "partition": partition,
            "changelog": changelog,
            "changelog_id": self._topics.get(changelog, ""),
            "cluster": self._cluster,
        }
        if place.exists():
            try:
                return self._open_existing(place, identity)
            except _Unusable as error:
                log.warning(
                    "%s: local state thrown away (%s), rebuilt from %s/%d: %s",
                    *(place, error.reason, changelog, partition, error),
                )
                self._discarded(table, error.reason)
                remove(place)
        made = DiskTable(place, self._now_ms, create=True)
        try:
            # Last: a folder without it was not finished.
            (place / _IDENTITY).write_text(json.dumps(identity))
        except OSError as error:
            made.destroy()
            raise StateDiskError(
                f"{place}: the disk fails: {error}. Free space or mend the disk (or give another"
                " --state-dir) and start the worker again"
            ) from error
        return made

    def _open_existing(self, place: Path, identity: dict[str, object]) -> DiskTable:
        if marked(place):
            raise _Unusable("corrupt", "found corrupt while it was in use")
        try:
            found = json.loads((place / _IDENTITY).read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError) as error:
            raise _Unusable("corrupt", f"{_IDENTITY}: {error}") from None
        except OSError as error:
            raise StateDiskError(f"{place}: cannot be read: {error}") from error
        if found != identity:
            raise _Unusable("foreign", f"it was made as {found}, not as {identity}")
        try:
            table = DiskTable(place, self._now_ms)
        except CorruptStateError as error:
            raise _Unusable("corrupt", str(error)) from None
        try:
            age = self._now_ms() - table.saved_ms
            if not -_AHEAD_MS <= age <= KEPT_MS:
                raise _Unusable("stale", f"it was last written {age // 1000} s ago")
            table.verify()
        except CorruptStateError as error:
            table.close()
            raise _Unusable("corrupt", str(error)) from None
        except BaseException:
            table.close()
            raise
        return table


class _Unusable(Exception):
    def __init__(self, reason: Reason, what: str) -> None:
        super().__init__(what)
        self.reason: Reason = reason


def _file_name(app_id: str) -> str:
    name = quote(app_id, safe="")
    return name.replace(".", "%2E") if name.strip(".") == "" else name


def _lock_whole(descriptor: int, path: Path) -> None:
    if sys.platform == "win32":
        return  # RocksDB locks each table all the same.
    import fcntl

    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StateInUseError(
            f"{path} is in use by another worker; each worker needs a --state-dir of its own"
        ) from None
