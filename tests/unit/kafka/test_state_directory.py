"""One worker's folder of tables: its own, not too old, and of the same topics."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from streams.kafka.partition_tables import StateDiskError, StateInUseError
from streams.kafka.state_directory import KEPT_MS, StateDirectory

CHANGELOG = "baton-interactions-changelog"
NOW = int(time.time() * 1000)


class Started:
    """A worker's state directory at a moment; what it throws away stands in `discarded`."""

    def __init__(
        self,
        root: Path,
        at_ms: int = NOW,
        app_id: str = "baton",
        cluster: str = "one",
        changelog_id: str = "first",
    ) -> None:
        self.discarded: list[tuple[str, str]] = []
        self.directory = StateDirectory(
            root, app_id, lambda: at_ms, lambda *what: self.discarded.append(what)
        )
        self.directory.acquire(cluster, {CHANGELOG: changelog_id})

    def leave(self, changelog: str = CHANGELOG) -> None:
        """Commit one entry at offset 5 and end."""
        table = self.directory.open("interactions", changelog, 0)
        table[b"k"] = b"v"
        table.commit(5, 50)
        table.close()
        self.directory.release()

    def finds(self, changelog: str = CHANGELOG) -> dict[bytes, bytes]:
        """What a start finds of it; ends."""
        table = self.directory.open("interactions", changelog, 0)
        found = dict(table)
        assert (table.offset, table.upto) == ((5, 50) if found else (-1, 0))
        table.close()
        self.directory.release()
        return found


def test_a_restart_finds_what_was_committed(tmp_path: Path) -> None:
    Started(tmp_path).leave()
    again = Started(tmp_path, NOW + KEPT_MS // 2)
    assert (again.finds(), again.discarded) == ({b"k": b"v"}, [])


def test_tables_lie_by_app_table_and_partition_for_the_owner_alone(tmp_path: Path) -> None:
    Started(tmp_path).leave()
    place = tmp_path / "baton" / "interactions" / "0"
    assert (place / "identity.json").exists()
    assert (tmp_path / "baton").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("app_id", ["..", ".", "a/b", "/etc"])
def test_no_app_id_leads_out_of_the_folder(tmp_path: Path, app_id: str) -> None:
    Started(tmp_path / "state", app_id=app_id).leave()
    assert [path.name for path in tmp_path.iterdir()] == ["state"]
    assert len(list((tmp_path / "state").iterdir())) == 1


def test_two_workers_of_one_machine_need_two_folders(tmp_path: Path) -> None:
    first = Started(tmp_path)
    code = (
        "import sys; from pathlib import Path;"
        "from streams.kafka.state_directory import StateDirectory;"
        "StateDirectory(Path(sys.argv[1]), 'baton', lambda: 0, print).acquire('one', {})"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert "StateInUseError" in other.stderr
    assert "each worker needs a --state-dir of its own" in other.stderr
    with pytest.raises(StateInUseError):
        Started(tmp_path)
    first.directory.release()
    Started(tmp_path).directory.release()


@pytest.mark.parametrize(
    ("later", "changelog"),
    [
        pytest.param({"cluster": "two"}, CHANGELOG, id="cluster"),
        pytest.param({"changelog_id": "second"}, CHANGELOG, id="made anew under the same name"),
        pytest.param({}, "other-changelog", id="changelog"),
    ],
)
def test_state_of_another_topic_is_not_combined_with_this_one(
    tmp_path: Path, later: dict[str, str], changelog: str
) -> None:
    Started(tmp_path).leave()
    again = Started(tmp_path, **later)
    assert again.finds(changelog) == {}
    assert again.discarded == [("interactions", "foreign")]


def test_what_may_have_missed_a_tombstone_is_thrown_away(tmp_path: Path) -> None:
    Started(tmp_path).leave()
    again = Started(tmp_path)
    # Its files are young, as after a copy: what counts is when it was committed.
    again.directory._now_ms = lambda: NOW + KEPT_MS + 1
    assert again.finds() == {}
    assert again.discarded == [("interactions", "stale")]


def test_a_commit_from_the_future_says_nothing_about_its_age(tmp_path: Path) -> None:
    Started(tmp_path, NOW + KEPT_MS).leave()
    again = Started(tmp_path)
    assert again.finds() == {}
    assert again.discarded == [("interactions", "stale")]


def test_a_start_removes_what_nobody_used_for_a_day(tmp_path: Path) -> None:
    Started(tmp_path).leave()
    later = Started(tmp_path, NOW + 2 * KEPT_MS)
    assert list((tmp_path / "baton" / "interactions").iterdir()) == []
    assert later.discarded == [("interactions", "stale")]
    later.directory.release()


def test_a_start_removes_what_a_killed_worker_was_removing(tmp_path: Path) -> None:
    half = tmp_path / "baton" / "interactions" / ".3.gone" / "rocksdb"
    half.mkdir(parents=True)
    again = Started(tmp_path)
    assert list((tmp_path / "baton" / "interactions").iterdir()) == []
    assert again.discarded == []
    again.directory.release()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateDiskError, match="give another --state-dir"):
        Started(tmp_path / "file")
