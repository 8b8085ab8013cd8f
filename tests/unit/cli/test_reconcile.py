"""`baton reconcile`: a vendor's twelve wrong claims in a month of 20,000, and no other; odd CSV."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from streams.cli.invoice_report import statement_csv
from streams.cli.main import cli
from streams.domain.billing.ledger import Ledger
from streams.domain.billing.records import Told
from streams.domain.billing.statement import statement_json, statement_of
from streams.domain.commercial import BillingRules, CommercialTerms, Price
from streams.domain.contract import ContractBook, Terms
from streams.domain.facts import Fact, FactKind
from tests.log_builder import CONTRACT, EPOCH_MS, LIFE
from tests.unit.cli.vendor import Row, honest_rows, in_csv, wronged

_DAY = 86_400_000
_VERIFICATION = 3 * _DAY
_CLAIMS = 20_000
_CHANNELS = ("chat", "voice", "email", "messaging")
_JOURNEYS = ("billing", "outage", "plan_change")
_PRICES = (
    Price(1_400_000, agent_ppm=333_333),
    Price(2_200_000, channel="voice", agent_ppm=200_000),
    Price(900_001, query_type="refund"),
)


def _terms(version: int, begin: int, end: int | None) -> Terms:
    return Terms(
        contract=CONTRACT,
        version=version,
        effective_from_ms=begin,
        effective_to_ms=end,
        time_zone="UTC",
        inactivity_ms=60_000,
        escalation_expiry_ms=_DAY,
        verification_ms=_VERIFICATION,
        thresholds_ms={},
        required_context=frozenset(),
        groupings=((),),
        scope={},
        clauses=(),
        currency="SGD",
        commercial=CommercialTerms("SGD", prices=_PRICES, billing=BillingRules(allowance=100)),
    )


_CHANGE = EPOCH_MS + 12 * _DAY
BOOK = ContractBook([_terms(1, EPOCH_MS - _DAY, _CHANGE), _terms(2, _CHANGE, None)])


def _month(claims: int) -> Iterator[Told]:
    """Claims of 25 days by AI and people; some are void, some disputed once they are charged."""
    chance = random.Random(7)
    for number in range(claims):
        close = EPOCH_MS + chance.randrange(25 * _DAY)
        human = chance.random() < 0.3
        outcome = "escalated_safe" if human else chance.choices(
            ("verified", "assumed", "void"), (6, 3, 1)
        )[0]  # fmt: skip
        about = {
            "conversation": f"c{number:05d}",
            "channel": chance.choice(_CHANNELS),
            "journey": chance.choice(_JOURNEYS),
        }

        def fact(kind: FactKind, time: int, detail: dict[str, Any], about: Any = about) -> Told:
            told = Fact(
                kind=kind, contract=CONTRACT, version=BOOK.at(CONTRACT, time).version, life=LIFE,
                episode=1, ordinal=1, time=time, market="SG", supplier="northcall",
                prompt_version="p-1", model="m-1", knowledge_version="k-1", detail=detail, **about,
            )  # fmt: skip
            return Told(told, time)

        ended = {"outcome": "escalated" if human else "contained", "resolved": True}
        yield fact("episode_ended", close, ended)
        yield fact(
            "episode_matured",
            close + _VERIFICATION,
            {"outcome": outcome, "human": human, "claimed": chance.random() < 0.5,
             "resolved": True, "returned": False, "proven": chance.random() < 0.8,
             "query_type": chance.choice((None, None, "refund")),
             "claimed_at": close - chance.randrange(_DAY)},
        )  # fmt: skip
        if chance.random() < 0.02:
            time = close + _VERIFICATION + chance.randrange(_DAY)
            yield fact("resolution_disputed", time, {"party": "customer"})


def _statement(claims: int, folder: Path) -> dict[str, Path]:
    """The statement of a month, as `baton invoice` writes it."""
    ledger = Ledger(BOOK, CONTRACT)
    ledger.apply(0, EPOCH_MS + 60 * _DAY, _month(claims))
    statement = statement_of(CONTRACT, "2026-03", "SGD", ledger.advance())
    files = {form: folder / f"ours.{form}" for form in ("json", "csv")}
    files["json"].write_bytes(statement_json(statement))
    files["csv"].write_bytes(statement_csv(statement))
    return files


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _statement(_CLAIMS, tmp_path_factory.mktemp("large"))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _statement(200, tmp_path_factory.mktemp("ours"))


def reconciled(ours: Path, theirs: Path, form: str = "json") -> Result:
    return CliRunner().invoke(cli, ["reconcile", str(ours), str(theirs), "--format", form])


@pytest.fixture(scope="module")
def rows(ours: dict[str, Path]) -> list[Row]:
    return honest_rows(ours["json"])


@pytest.mark.parametrize("form", ["json", "csv"])
def test_an_honest_vendor_and_we_agree(
    form: str, ours: dict[str, Path], rows: list[Row], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(in_csv(rows))
    result = reconciled(ours[form], theirs)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "[]\n", "")


def _plain(rows: list[Row]) -> bytes:
    return in_csv(rows).encode()


def _as_a_spreadsheet_saves_it(rows: list[Row]) -> bytes:
    text = in_csv(rows, reverse_columns=True, lineterminator="\r\n", quoting=1)
    return b"\xef\xbb\xbf" + text.encode()


def _shuffled_with_blanks_and_spaces(rows: list[Row]) -> bytes:
    mixed = list(rows)
    random.Random(3).shuffle(mixed)
    head, *lines = in_csv(mixed, lineterminator="\n").splitlines()
    spaced = [line.replace(",", " , ") for line in lines]
    return "\n".join((head.upper(), "", *spaced, "  ", "")).encode()


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("json", _plain),
        ("csv", _as_a_spreadsheet_saves_it),
        ("json", _shuffled_with_blanks_and_spaces),
    ],
)
def test_twelve_wrong_claims_of_20000_are_found_and_no_other(
    form: str, written: Any, large: dict[str, Path], tmp_path: Path
) -> None:
    claimed = honest_rows(large["json"])
    assert len(claimed) > _CLAIMS // 2
    planted = wronged(large["json"], claimed)
    theirs = tmp_path / "theirs.csv"
    theirs.write_bytes(written(claimed))
    result = reconciled(large[form], theirs)
    assert (result.exit_code, result.stderr) == (1, "")
    found = json.loads(result.stdout)
    assert Counter((one["kind"], one["conversation"]) for one in found) == Counter(planted)
    assert len({one["kind"] for one in found}) == 7
    for one in found:
        # What was never claimed here has no evidence; who sent nothing has no line.
        assert bool(one["evidence"]) == (one["kind"] != "unknown")
        assert (one["where"] is None) == (one["kind"] == "missing")
        theirs_micros, ours_micros = one["theirs_micros"] or 0, one["ours_micros"] or 0
        assert one["difference_micros"] == theirs_micros - ours_micros


def test_reasons_say_what_is_other(ours: dict[str, Path], rows: list[Row], tmp_path: Path) -> None:
    claimed = [dict(row) for row in rows]
    wronged(ours["json"], claimed)
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(in_csv(claimed))
    told = {one["detail"] for one in json.loads(reconciled(ours["json"], theirs).stdout)}
    assert {"disputed", "is claimed already", "XOF, not SGD", "is billed and not claimed"} < told
    assert any(text.startswith("contract_version 77, not ") for text in told)
    table = reconciled(ours["json"], theirs, "table").stdout
    assert "12 disagreements (SGD)" in table


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('c,1,"1,234.50"', "amount '1,234.50' is no decimal like 1234.50, without thousands"),
        ("c,1,1,234.50", "4 cells under 3 columns"),
        ("c,1", "2 cells under 3 columns"),
        ("c,1,1'234.50", "is no decimal"),
        ("c,1,1_000", "is no decimal"),
        ("c,1,1/2", "is no decimal"),
        ("c,1,1e3", "is no decimal"),
        ("c,1,0.0000001", "is no decimal"),
        ("c,1,", "amount '' is no decimal"),
        ("c,one,1.40", "episode 'one' is no number"),
        ("c,-1,1.40", "episode '-1' is no number"),
        (",1,1.40", "it names no conversation"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_by_file_and_line_and_fails_the_run(
    line: str, why: str, ours: dict[str, Path], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(f'conversation,episode,amount\n"nobody\n1",1,1.40\n{line}\nnobody,1,2\n')
    result = reconciled(ours["json"], theirs)
    assert result.exit_code == 1
    # A quoted cell over two lines comes before it.
    assert result.stderr.startswith("theirs.csv:4: left out: ")
    assert why in result.stderr
    kinds = Counter(one["kind"] for one in json.loads(result.stdout))
    assert kinds["unknown"] == 2


def test_a_run_without_disagreements_but_with_an_unread_row_fails(
    ours: dict[str, Path], rows: list[Row], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(in_csv([*rows, {**rows[0], "amount": "1.234,50"}]))
    result = reconciled(ours["json"], theirs)
    assert (result.exit_code, result.stdout) == (1, "[]\n")
    assert f"theirs.csv:{len(rows) + 2}: left out" in result.stderr


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"conversation;amount\nc;1\n", ":1: the header has no column conversation; separate"),
        (b"conversation,price\nc,1\n", ":1: the header has no column amount"),
        (b"", ":1: the header has no column conversation"),
        (b"conversation,amount,amount\nc,1,2\n", ":1: two columns are named amount"),
        (b"conversation,amount\n\xff,1\n", "is not UTF-8"),
        (b'conversation,amount\nc,1\n"c,1\n', ":3: unexpected end of data"),
    ],
)
def test_a_file_that_is_no_claim_is_refused_in_one_line(
    text: bytes, why: str, ours: dict[str, Path], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    theirs.write_bytes(text)
    result = reconciled(ours["json"], theirs)
    assert result.exit_code == 1
    assert why in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_a_column_that_is_not_compared_is_said(
    ours: dict[str, Path], rows: list[Row], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(in_csv(rows).replace("channel", "chanel", 1))
    result = reconciled(ours["json"], theirs)
    assert (result.exit_code, result.stderr) == (0, "theirs.csv:1: column chanel is not compared\n")


@pytest.mark.parametrize("text", ["", "conversation,amount\n", "{}", "[1]"])
def test_what_is_no_statement_of_ours_is_refused(text: str, tmp_path: Path) -> None:
    mine, theirs = tmp_path / "ours", tmp_path / "theirs.csv"
    mine.write_text(text)
    theirs.write_text("conversation,amount\n")
    result = reconciled(mine, theirs)
    assert result.exit_code == 1
    assert result.stderr.startswith(f"Error: {mine}")


def _edited(ours: Path, folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    told = json.loads(ours.read_bytes())
    edit(told)
    edited = folder / "edited.json"
    edited.write_text(json.dumps(told))
    return edited


@pytest.mark.parametrize(
    ("edit", "why"),
    [
        (lambda told: told.update(records=[1]), "record 1: is no event with data"),
        (lambda told: told["records"][2]["data"].pop("life"), "record 3: life is missing"),
        (
            lambda told: told["records"][0]["data"].update(amount_micros="1"),
            "record 1: amount_micros is missing, or is something else",
        ),
        (lambda told: told.update(digests={}), "digests is missing, or is something else"),
        (lambda told: told.pop("seal"), "seal is missing"),
        (lambda told: told["records"].pop(4), "is not what was booked: record 5"),
        (
            lambda told: told["records"][1]["data"].update(estimate_micros=7),
            "is not what was booked: record 2",
        ),
    ],
)
def test_against_a_statement_that_is_not_what_was_booked_nobody_is_held(
    edit: Callable[[dict[str, Any]], object],
    why: str,
    ours: dict[str, Path],
    rows: list[Row],
    tmp_path: Path,
) -> None:
    mine, theirs = _edited(ours["json"], tmp_path, edit), tmp_path / "theirs.csv"
    theirs.write_text(in_csv(rows))
    result = reconciled(mine, theirs)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {mine}: ")
    assert why in result.stderr


def test_the_table_ends_with_how_many_rows_and_how_much_in_all(
    ours: dict[str, Path], rows: list[Row], tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.csv"
    theirs.write_text(in_csv(rows))
    agreed = reconciled(ours["json"], theirs, "table")
    about = f"{len(rows)} rows against {CONTRACT}, 2026-03"
    assert (agreed.exit_code, agreed.stdout) == (0, f"{about}: no disagreement\n")
    dearer = f"{float(rows[0]['amount']) + 2.5:.6f}"
    # What is claimed in another currency is no sum of ours.
    foreign = {**rows[1], "currency": "USD", "amount": "1000.00"}
    theirs.write_text(in_csv([{**rows[0], "amount": dearer}, foreign, *rows[2:]]))
    found = reconciled(ours["json"], theirs, "table")
    assert found.exit_code == 1
    assert found.stdout.endswith(
        f"{about}: 2 disagreements (1 wrong_amount, 1 wrong_currency)\n"
        "by these they claim 2.50 SGD more\n"
    )
