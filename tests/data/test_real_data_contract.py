"""The contract that replays of real logs are judged by."""

from __future__ import annotations

from datetime import UTC, datetime

from streams.contract_files import bundled_contract, load_contracts
from streams.domain.contract_document import duration_ms
from streams.domain.events import epoch_ms


def test_the_contract_covers_every_log_from_1999_to_2040() -> None:
    book = load_contracts([bundled_contract("real-data")])
    (terms,) = book.versions("real-data")
    first = epoch_ms(datetime(1999, 1, 1, tzinfo=UTC))
    last = epoch_ms(datetime(2040, 1, 1, tzinfo=UTC))
    assert (terms.effective_from_ms, terms.effective_to_ms) == (first, last)
    assert terms.thresholds_ms == {
        "voice": duration_ms("20s"),
        "chat": duration_ms("60s"),
        "email": duration_ms("8h"),
        "messaging": duration_ms("5m"),
    }
    assert terms.inactivity_ms == terms.verification_ms == duration_ms("24h")
