"""Exports of Zendesk's and Intercom's tables: a folder, a zip, one file, and what is none."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from zipfile import ZipFile

import pytest

from streams.domain.events import ContactEnded, MessageSent, ResolutionClaimed, ResolutionReopened
from tests.unit.sources.source_files import Reading, read, table

TICKET = {"id": "7", "requester_id": "100", "created_at": "2026-06-01 08:00:00", "status": "solved"}


def write(folder: Path, **tables: list[dict[str, str]]) -> Path:
    for name, rows in tables.items():
        (folder / f"{name}.csv").write_bytes(table(rows[0], rows))
    return folder


def field(at: str, value: str, name: str = "status", ticket: str = "7") -> dict[str, str]:
    return {"ticket_id": ticket, "field_name": name, "updated": at, "value": value}


def comment(id_: str, user: str, public: str = "true") -> dict[str, str]:
    at = "2026-06-01 08:05:00"
    return {"id": id_, "ticket_id": "7", "user_id": user, "public": public, "created": at}


def kinds(reading: Reading) -> Counter[str]:
    return Counter(kind for kind, _ in reading.told())


def test_a_history_of_fields_reopens_what_was_solved_before_whatever_its_order(
    tmp_path: Path,
) -> None:
    rows = [
        field("2026-06-03 08:00:00", "open"),
        field("2026-06-02 08:00:00", "solved"),
        field("2026-06-01 08:00:00", "new"),
        field("2026-06-04 08:00:00", "solved"),
        field("2026-06-08 08:00:00", "closed"),
    ]
    made = read("zendesk-tables", write(tmp_path, history=rows))
    told = [kind for kind, _ in made.told() if kind != "contact.ended"]
    assert told == ["resolution.claimed", "resolution.reopened", "resolution.claimed"]
    assert not made.problems


def test_rows_that_are_repeated_are_one_event(tmp_path: Path) -> None:
    made = read("zendesk-tables", write(tmp_path, f=[field("2026-06-02 08:00:00", "solved")] * 4))
    assert kinds(made) == {"resolution.claimed": 1, "contact.ended": 1}


def test_who_wrote_is_told_by_the_requester_and_the_users_and_else_not_guessed(
    tmp_path: Path,
) -> None:
    comments = [comment("1", "100"), comment("2", "200"), comment("3", "300")]
    comments.append(comment("4", "200", public="false"))
    users = [{"id": "200", "role": "agent"}, {"id": "100", "role": "end-user"}]
    folder = write(tmp_path, tickets=[TICKET], said=comments, people=users)
    made = read("zendesk-tables", folder)
    authors = Counter(e.data.author for e in made.events if isinstance(e, MessageSent))
    assert authors == {"customer": 1, "human": 1}
    assert made.problems == ["unknown_author"]


def test_a_zip_of_tables_is_read_as_its_folder_and_a_table_by_itself_alone(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    write(plain, a=[TICKET], b=[comment("1", "100")], c=[field("2026-06-02 08:00:00", "solved")])
    packed = tmp_path / "export.zip"
    with ZipFile(packed, "w") as archive:
        for file in sorted(plain.iterdir()):
            archive.write(file, f"export/{file.name}")
    assert read("zendesk-tables", packed).raws == read("zendesk-tables", plain).raws
    # By itself a table of comments does not know whose ticket it is.
    assert read("zendesk-tables", plain / "b.csv").problems == ["unknown_author"]


def test_what_is_no_table_of_the_platform_is_said_by_the_file_s_name(tmp_path: Path) -> None:
    made = read("zendesk-tables", write(tmp_path, other=[{"colour": "blue"}]))
    assert made.problems == ["unknown_table"]
    assert not made.raws


@pytest.mark.parametrize("source", ["zendesk-tables", "intercom-tables"])
@pytest.mark.parametrize(
    "damage", [b"", b"PK\x03\x04 and no zip", b"\x1f\x8bgzip?", b"\xff,\x00\n1"]
)
def test_a_damaged_file_is_survived(source: str, damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    path.write_bytes(damage)
    assert read(source, path).events == []


def version(at: str, state: str) -> dict[str, str]:
    return {
        "id": "471",
        "created_at": "2026-06-01 08:00:00",
        "updated_at": at,
        "state": state,
        "source_type": "email",
        "source_delivered_as": "customer_initiated",
    }


def test_versions_of_a_conversation_without_parts_say_when_it_was_closed_and_opened_again(
    tmp_path: Path,
) -> None:
    rows = [
        version("2026-06-03 08:00:00", "open"),
        version("2026-06-02 08:00:00", "closed"),
        version("2026-06-01 08:00:00", "open"),
        version("2026-06-02 09:00:00", "closed"),
    ]
    made = read("intercom-tables", write(tmp_path, conversations=rows))
    ended = [e for e in made.events if isinstance(e, ContactEnded)]
    assert [e.data.ended_by for e in ended] == ["unknown"]
    assert sum(isinstance(e, ResolutionReopened) for e in made.events) == 1
    # Nobody is known to have claimed anything.
    assert not [e for e in made.events if isinstance(e, ResolutionClaimed)]
    assert {e.data.channel for e in made.events if isinstance(e, MessageSent)} == {"email"}


def test_parts_of_a_conversation_bear_its_channel_and_its_contact(tmp_path: Path) -> None:
    part = {
        "id": "9",
        "conversation_id": "471",
        "part_type": "comment",
        "author_type": "user",
        "created_at": "2026-06-01 09:00:00",
        "body": "hashed",
    }
    contact = {"contact_id": "5ee3d479", "conversation_id": "471"}
    folder = write(
        tmp_path,
        conversations=[version("2026-06-02 08:00:00", "closed")],
        parts=[part],
        contacts=[contact],
    )
    made = read("intercom-tables", folder)
    said = [e for e in made.events if isinstance(e, MessageSent)]
    assert {e.data.channel for e in said} == {"email"}
    assert len({e.data.customer_key for e in said} - {None}) == 1
    # With parts there, what the state says is left to them.
    assert not [e for e in made.events if isinstance(e, ContactEnded)]
