"""Payloads read by path: streams/sources/payload.py and journal.py."""

from __future__ import annotations

from typing import Any

import pytest

from streams.sources.base import SourceOptions, pseudonym
from streams.sources.journal import Journal
from streams.sources.payload import HEX, UUID, Payload

OPTIONS = SourceOptions(contract="c-1", salt="pepper")
ID = "12345678-1234-4234-8234-123456789012"


def payload(value: Any, journal: Journal | None = None, **options: Any) -> Payload:
    return Payload(value, OPTIONS, journal, **options)


@pytest.mark.parametrize("value", [None, 5, "text", [], {}, {"a": None}, {"a": 5}, {"a": ["b"]}])
def test_a_path_that_leads_nowhere_is_absent_whatever_stands_there(value: Any) -> None:
    here = payload(value)
    assert here.text("a.b.c") is None
    assert here.id(UUID, "a.b") is None
    assert here.moment("a.b") is None
    assert here.whole("a.b") is None
    assert list(here.items("a.b")) == []
    assert here.at("a.b").value is None
    assert not here.present("a.b")


def test_the_first_path_that_is_there_is_read() -> None:
    assert payload({"b": "2", "c": "3"}).text("a", "b", "c") == "2"


def test_null_and_the_empty_text_are_absent() -> None:
    assert payload({"a": "", "b": None, "c": "3"}).text("a", "b", "c") == "3"


def test_a_name_with_dots_is_reached_by_a_tuple() -> None:
    assert payload({"a": {"b.c": "x"}}).text(("a", "b.c")) == "x"


def test_a_first_letter_of_either_case_is_found_where_asked_for() -> None:
    value = {"Detail": {"contactId": ID}}
    assert payload(value, any_case=True).id(UUID, "detail.ContactId") == ID
    assert payload(value).id(UUID, "detail.ContactId") is None


def test_an_id_of_another_form_is_its_pseudonym() -> None:
    here = payload({"a": ID, "b": "Jane Doe", "c": 77})
    assert here.id(UUID, "a") == ID
    assert here.id(UUID, "b") == pseudonym("pepper", "Jane Doe")
    assert here.id(UUID, "c") == pseudonym("pepper", "77")


def test_digits_alone_are_no_hexadecimal_id() -> None:
    assert HEX.fullmatch("6581234567658123") is None
    assert HEX.fullmatch("658123456765812a")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("whatsapp:+6581234567", "+65 8123-4567"),
        ("tel:+6581234567", "6581234567"),
        ("Jane@Example.com", "mailto:jane@example.com"),
    ],
)
def test_a_person_has_one_pseudonym_on_all_channels(text: str, same: str) -> None:
    assert payload(text).key() == payload(same).key() is not None


def test_other_people_have_other_pseudonyms() -> None:
    assert payload("+6581234567").key() != payload("+6581234568").key()


@pytest.mark.parametrize("text", ["billing", "Tier 2 / EU", "connect:SMS", "v12.0"])
def test_a_label_of_the_configuration_is_passed_on(text: str) -> None:
    assert payload(text).label() == text


@pytest.mark.parametrize(
    "text", ["jane@example.com", "+6581234567", "65 8123 4567", "(65) 81234567", "Jane, Doe", "ü"]
)
def test_an_address_a_number_to_call_and_free_text_are_no_label(text: str) -> None:
    assert payload(text).label() is None


def test_a_word_that_is_in_no_list_is_counted_and_not_passed_on() -> None:
    journal = Journal()
    here = payload({"a": "one", "b": "Jane"}, journal)
    assert here.word({"one": 1}, "a") == 1
    assert here.word({"one": 1}, "b") is None
    assert dict(journal.unlisted) == {"b": 1}


def test_a_number_beyond_its_most_is_absent() -> None:
    assert payload(1_000_000).whole() == 1_000_000
    assert payload(1_000_001).whole() is None
    assert payload("12").whole() == 12
    assert payload(True).whole() is None


def test_json_in_a_text_is_read_as_json_and_anything_else_is_absent() -> None:
    here = payload({"a": '{"b": "x"}', "c": "no", "d": {"b": "y"}})
    assert here.parsed("a").text("b") == "x"
    assert here.parsed("c").text("b") is None
    assert here.parsed("d").text("b") == "y"


def test_the_journal_tells_what_was_read_and_how_and_what_was_dropped() -> None:
    journal = Journal()
    value = {"id": ID, "who": {"name": "Jane"}, "tags": ["x", "y"], "Jane Doe": 1}
    journal.add_leaves(value)
    here = payload(value, journal)
    here.id(UUID, "id")
    assert dict(journal.read) == {("id", "id"): 1}
    # A name that is none of a schema may be a person's.
    assert dict(journal.dropped()) == {"who.name": 1, "tags[]": 2, "*": 1}
