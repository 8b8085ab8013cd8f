"""Every platform's samples through broker, worker and oracle, in one log."""

from __future__ import annotations

from streams.contract_files import bundled_contract, load_contracts
from streams.sources.platforms import PLATFORMS
from tests.integration.conftest import Runs
from tests.stream_run import Log
from tests.stream_verdict import assert_published_as_judged
from tests.unit.sources.platforms.judged import log_of, records_of
from tests.unit.sources.platforms.platform_samples import samples

CONTRACT = bundled_contract("real-data")


def test_what_platforms_sent_is_published_as_the_oracle_judges_it(runs: Runs) -> None:
    records = [
        record
        for platform in PLATFORMS.values()
        for sample in samples(platform)
        for record in records_of(platform.name, sample.path.stem)
    ]
    log = Log(tuple(log_of(records)), load_contracts([CONTRACT]))
    with runs(log, flags=("--contract", str(CONTRACT))) as run:
        run.start_worker()
        run.replay()
        run.await_processed(within_s=180)
        assert_published_as_judged(log.verdict, run.records, repeated=False)
