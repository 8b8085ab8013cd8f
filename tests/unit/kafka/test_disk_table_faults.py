"""Tables on disk after kill -9, changed and missing bytes, and a full disk: a state that some
commit left, or none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from streams.kafka.disk_table import DiskTable, marked
from streams.kafka.partition_tables import CorruptStateError, StateDiskError
from streams.kafka.state_directory import StateDirectory
from tests.unit.kafka import table_history
from tests.unit.kafka.table_history import NOW, table_at, write

ROOT = Path(__file__).parents[3]
TABLE, CHANGELOG = "interactions", "baton-interactions-changelog"


def state_directory(root: Path, discarded: list[str]) -> StateDirectory:
    made = StateDirectory(root, "baton", lambda: NOW, lambda _, why: discarded.append(why))
    made.acquire("cluster", {})
    return made


def checked(path: Path) -> DiskTable:
    table = DiskTable(path, lambda: NOW)
    table.verify()
    return table


def child(path: Path, keys: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, table_history.__file__, str(path), str(keys)],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def test_a_killed_worker_has_lost_no_commit_that_returned(tmp_path: Path) -> None:
    path, random, keys = tmp_path / "t", Random(3), 300
    acknowledged = -1
    for life in range(8):
        # 300 keys are about 50 kB: over these lives buffers are written out many times, too.
        commits = 0 if life == 3 else random.randrange(1, 400)
        with child(path, keys) as worker:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "opening\n"
            for _ in range(commits):
                acknowledged = int(worker.stdout.readline())
            worker.kill()
            rest = worker.stdout.read().split("\n")
        # The last line may be torn.
        acknowledged = int(rest[-2]) if len(rest) > 1 else acknowledged
        table = checked(path)
        assert table.offset >= acknowledged
        assert table.upto == table.offset * 10
        assert dict(table.items()) == table_at(table.offset, keys)
        table.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory as a killed worker leaves it: files of many kinds, the log in use."""
    root = tmp_path_factory.mktemp("written")
    directory = state_directory(root / "open", [])
    for upto in (20, 40):
        table = directory.open(TABLE, CHANGELOG, 0)
        assert [*write(table, upto)][-1] == upto
        table.close()
    table = directory.open(TABLE, CHANGELOG, 0)
    assert [*write(table, 60)][-1] == 60
    shutil.copytree(root / "open", root / "killed")
    table.close()
    directory.release()
    return root / "killed"


def damages(state: Path) -> Iterator[tuple[str, Path, bytes | None]]:
    """(what, file, what stands in it then) for each file of a table; None: it is missing."""
    random = Random(5)
    for file in sorted(path for path in (state / "baton" / TABLE).rglob("*") if path.is_file()):
        raw, name = file.read_bytes(), file.relative_to(state)
        yield f"{file.name} missing", name, None
        if not raw:
            continue
        for at in {0, len(raw) - 1, *random.choices(range(len(raw)), k=8)}:
            flipped = bytearray(raw)
            flipped[at] ^= 1 << random.randrange(8)
            yield f"{file.name} flipped at {at}", name, bytes(flipped)
        for length in {0, len(raw) - 1, *random.choices(range(len(raw)), k=4)}:
            yield f"{file.name} cut to {length}", name, raw[:length]


def test_damaged_state_is_never_wrong_it_is_right_or_thrown_away(
    written: Path, tmp_path: Path
) -> None:
    seen: Counter[str] = Counter()
    tables = [
        dict(table) for _, (_, table) in zip(range(62), table_history.history(), strict=False)
    ]
    for number, (what, name, raw) in enumerate(damages(written)):
        state = tmp_path / str(number)
        shutil.copytree(written, state)
        if raw is None:
            (state / name).unlink()
        else:
            (state / name).write_bytes(raw)
        discarded: list[str] = []
        directory = state_directory(state, discarded)
        table = directory.open(TABLE, CHANGELOG, 0)
        assert dict(table.items()) == tables[table.offset + 1], what
        assert all(table.get(key) == value for key, value in tables[table.offset + 1].items())
        assert (table.offset == -1) == bool(discarded), what
        seen["discarded" if discarded else "whole" if table.offset == 60 else "earlier"] += 1
        # It can be written on, and is whole after that.
        assert [*write(table, table.offset + 3)]
        table.close()
        directory.open(TABLE, CHANGELOG, 0).close()
        directory.release()
        shutil.rmtree(state)
        assert len(discarded) <= 1, what
    assert min(seen["discarded"], seen["whole"], seen["earlier"]) > 0


def flip_the_middle_of_a_table_file(path: Path) -> None:
    file = max(path.rglob("*.sst"), key=lambda sst: sst.stat().st_size)
    with file.open("r+b") as raw:
        raw.seek(file.stat().st_size // 2)
        byte = raw.read(1)[0]
        raw.seek(-1, os.SEEK_CUR)
        raw.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("touch", ["get", "scan", "commit"])
def test_state_found_corrupt_in_use_ends_it_and_is_thrown_away_at_the_next_start(
    tmp_path: Path, touch: str
) -> None:
    discarded: list[str] = []
    directory = state_directory(tmp_path, discarded)
    table = directory.open(TABLE, CHANGELOG, 0)
    assert [*write(table, 40)]
    table.close()
    used = DiskTable(table.path, lambda: NOW)
    flip_the_middle_of_a_table_file(table.path)
    with pytest.raises(CorruptStateError, match="rebuilt from the changelog"):
        touched(used, touch, table_at(40))
    assert marked(table.path)
    used.close()
    fresh = directory.open(TABLE, CHANGELOG, 0)
    assert (dict(fresh), fresh.offset, discarded) == ({}, -1, ["corrupt"])
    fresh.close()
    directory.release()


def touched(table: DiskTable, how: str, model: dict[bytes, bytes]) -> None:
    match how:
        case "get":
            for key in model:
                table.get(key)
        case "scan":
            dict(table.items())
        case _:
            table.update(dict.fromkeys(model, b"new"))
            table.commit(41, 410)


def assert_the_disk_fails(path: Path, worker: list[str]) -> int:
    """Run a worker until its disk fails; the offset of the last commit that returned."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(worker, capture_output=True, text=True, env=env, timeout=120)
    *before, last = done.stdout.splitlines()
    assert last.startswith(f"StateDiskError: {path}: the disk fails"), (last, done.stderr)
    assert "Nothing is lost" in last
    return int(before[-1])


def assert_nothing_is_lost(path: Path, acknowledged: int) -> None:
    table = checked(path)
    assert table.offset >= acknowledged
    assert dict(table.items()) == table_at(table.offset, 300)
    table.close()


def test_a_file_that_may_not_grow_is_said_and_loses_nothing(tmp_path: Path) -> None:
    path, limit = tmp_path / "t", 2 * 1024 * 1024
    code = (
        "import resource; from pathlib import Path; from tests.unit.kafka import table_history;"
        f" resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}));"
        f" table_history.main(Path({str(path)!r}), 300)"
    )
    assert_nothing_is_lost(path, assert_the_disk_fails(path, [sys.executable, "-c", code]))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """24 MiB in memory; skipped where mounting is not permitted."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
        capture_output=True,
        text=True,
    )
    if mounted.returncode:
        pytest.skip(f"no disk of its own to fill: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_is_said_and_loses_nothing(small_disk: Path) -> None:
    ballast, path = small_disk / "ballast", small_disk / "t"
    ballast.write_bytes(bytes(16 * 1024 * 1024))
    worker = [sys.executable, table_history.__file__, str(path), "300"]
    acknowledged = assert_the_disk_fails(path, worker)
    # Too full to be opened: no reason to throw the state away.
    directory = state_directory(small_disk, [])
    (small_disk / "baton" / TABLE).mkdir()
    with pytest.raises(StateDiskError, match="No space left"):
        directory.open(TABLE, CHANGELOG, 0)
    directory.release()
    ballast.unlink()
    assert_nothing_is_lost(path, acknowledged)
