"""A month of interactions billed live: python -m tests.month.run --interactions 200000.

One worker on real Apache Kafka, killed now and then while the month is replayed with duplicates,
disorder, events that come days late, and disputes. Then `baton invoice` makes each period's
statement from the billing topics, which must be the batch computation's byte for byte; one record
is changed in a copy of the topics and must be named.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.kafka.apache import ApacheKafka, resolve_kafka_lib
from tests.kafka.test_billing_on_kafka import forge
from tests.month.coverage import missing, seen
from tests.month.log import MONTH_CONTRACT, month_log
from tests.month.statements import as_json, by_batch, invoice
from tests.stream_run import Log, Pipeline
from tests.worker_process import REPO

_PATIENCE_S = 6 * 3600.0


def main() -> int:
    """The whole run; 0 where all is as the batch computation says."""
    said = _arguments()
    begun = time.monotonic()

    def tell(text: str) -> None:
        print(f"{time.monotonic() - begun:7.0f} s  {text}", flush=True)

    log = month_log(said.interactions, days=said.days, seed=said.seed)
    tell(f"{log.records:,} records of {said.interactions:,} interactions in {said.days} days")
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="baton-month-") as folder:
        kafka = ApacheKafka(workdir=Path(folder) / "kafka", lib=resolve_kafka_lib(REPO))
        kafka.start()
        try:
            with _pipeline(kafka, Path(folder), log, said.partitions) as run:
                _bill(run, said.kills, said.seed, tell)
                expected = by_batch(log)
                tell("the batch computation has every period's statement")
                for what, number in sorted(seen(expected.values()).items()):
                    tell(f"  {number:>7,} {what}")
                # A value of many conversations hardly varies from day to day, so that what hangs on
                # it may not occur; a smaller month (test_month.py) must have it all.
                for what in missing(expected.values()):
                    tell(f"  in none of them: {what}")
                for period, statement in expected.items():
                    code, told, wrong = invoice(
                        kafka.bootstrap, run.prefix, period, "--format", "json"
                    )
                    same = code == 0 and told == as_json(statement)
                    total = sum(entry["amount_micros"] for entry in statement.entries)
                    state = "closed" if statement.seal is not None else "open"
                    tell(
                        f"{period} ({state}): {len(statement.records):,} records, {total:,}"
                        " micro-units; from the topics: "
                        + ("the same bytes" if same else "DIFFERENT")
                    )
                    if not same:
                        failures.append(f"{period}: differs\n{wrong}")
                forged = f"{run.group}-forged."
                changed = forge(run, forged)
                _, _, wrong = invoice(kafka.bootstrap, forged, next(iter(expected)))
                tell(f"one record changed: {'named' if changed in wrong else 'NOT FOUND'}")
                if changed not in wrong:
                    failures.append(f"the changed record {changed} was not named\n{wrong}")
        finally:
            kafka.stop()
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


def _pipeline(kafka: ApacheKafka, folder: Path, log: Log, partitions: int) -> Pipeline:
    return Pipeline(kafka.bootstrap, folder, log, partitions=partitions, contract=MONTH_CONTRACT)


def _bill(run: Pipeline, kills: int, seed: int, tell: Callable[[str], None]) -> None:
    """Replay the log; kill the worker at shares of it drawn by the seed."""
    chance = random.Random(seed)
    worker = run.start_worker()
    worker.await_ready()
    run.replay()
    tell("replayed")
    for share in sorted(chance.uniform(0.1, 0.9) for _ in range(kills)):
        run.await_share(share, within_s=_PATIENCE_S)
        worker.kill()
        worker = run.start_worker()
        tell(f"killed at {share:.0%} and started again")
    run.await_processed(within_s=_PATIENCE_S)
    tell("all is processed and committed")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interactions", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=4)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
