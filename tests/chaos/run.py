"""The fault matrix: every fault, round by round, on three real brokers (`make chaos`).

Exit code 0 only if nothing was lost, wrong or (exactly-once) published twice; 1 otherwise; 2 where
the brokers cannot be run. Each failed round names what reproduces it and where its logs and topics
are kept.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from random import Random

from tests.chaos.catalogue import FAULTS
from tests.chaos.cluster import Cluster
from tests.chaos.fault import Fault
from tests.chaos.round import Outcome, Round
from tests.chaos.table import table
from tests.chaos.tally import Tally
from tests.kafka.apache import KafkaSetupError
from tests.worker_process import REPO

GUARANTEES = ("exactly-once", "at-least-once")


def strike(
    cluster: Cluster,
    fault: Fault,
    number: int,
    keep: Path,
    *,
    seed: int,
    guarantee: str,
    long: bool = False,
) -> Outcome:
    """One round of one fault; the same seed and number give the same log and the same dice."""
    began = time.monotonic()
    chance = Random(f"{seed}/{fault.name}/{number}")
    workdir = keep / f"seed{seed}-round{number}-{fault.name}"
    shutil.rmtree(workdir, ignore_errors=True)
    workdir.mkdir(parents=True)
    round = Round(cluster, fault, chance, workdir, guarantee=guarantee, long=long)
    outcome = Outcome(fault.name, number, Tally())
    try:
        outcome.tally = round.conduct()
    except (KeyboardInterrupt, KafkaSetupError):
        raise
    except Exception as error:  # whatever it is, the other rounds are struck all the same
        outcome.problem = f"{type(error).__name__}: {error}"
        (workdir / "traceback.txt").write_text(traceback.format_exc())
    finally:
        round.close()
        outcome.recoveries, outcome.restarts = round.recoveries, round.restarts
        outcome.took_s = time.monotonic() - began
    if outcome.passed(guarantee):
        round.sweep()
    else:
        outcome.kept = workdir
        round.dump(failure(outcome, seed, guarantee, long))
        cluster.delete_topics(round.run.group)
    return outcome


def failure(outcome: Outcome, seed: int, guarantee: str, long: bool) -> str:
    """What a failed round says of itself."""
    tally = outcome.tally
    again = (
        f"make chaos SEED={seed} FAULT={outcome.fault} GUARANTEE={guarantee}"
        f' ARGS="--only {outcome.round}{" --long" if long else ""}"'
    )
    lines = [
        f"FAILED {outcome.fault}, seed {seed}, round {outcome.round}: {tally.lost} lost,"
        f" {tally.duplicated} duplicated, {tally.wrong} wrong",
        *([outcome.problem] if outcome.problem else []),
        *(finding if len(finding) < 700 else f"{finding[:700]} ..." for finding in tally.findings),
        f"again: {again}",
        f"logs and topics: {outcome.kept}",
    ]
    return "\n  ".join(lines)


def _chosen(names: str) -> list[Fault]:
    known = {fault.name: fault for fault in FAULTS}
    wanted = [name for name in names.split(",") if name]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise SystemExit(
            f"chaos: no fault is called {', '.join(unknown)}; there are: {', '.join(known)}"
        )
    chosen = [known[name] for name in wanted] or list(FAULTS)
    for fault in chosen:
        if not fault.possible:
            print(f"left out: {fault.name} (this worker has no --{fault.needs})".replace("_", "-"))
    return [fault for fault in chosen if fault.possible]


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=1, help="rounds of each fault")
    parser.add_argument("--only", type=int, help="this round alone (from 1), as a failure names it")
    parser.add_argument("--fault", default="", help="names, by comma; default: all")
    parser.add_argument("--guarantee", choices=GUARANTEES, default=GUARANTEES[0])
    parser.add_argument("--long", action="store_true", help="full lengths: a stop of 60 s and more")
    parser.add_argument("--keep", type=Path, default=REPO / ".baton" / "chaos")
    parser.add_argument("--kafka-lib", type=Path, help="Kafka's jars, where they are there already")
    parser.add_argument("--list", action="store_true", help="name the faults")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the matrix; returns the exit code."""
    given = _arguments(argv)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # brokers die here, on purpose
    if given.list:
        for fault in FAULTS:
            print(f"{fault.name:18} {(fault.strike.__doc__ or '').strip()}")
        return 0
    faults = _chosen(given.fault)
    guarantee = given.guarantee
    numbers = [given.only] if given.only else range(1, given.rounds + 1)
    outcomes: list[Outcome] = []
    workdir = Path(tempfile.mkdtemp(prefix="baton-chaos-"))
    cluster = Cluster(workdir, given.kafka_lib)
    try:
        cluster.start()
        for number in numbers:
            for fault in faults:
                outcome = strike(
                    cluster,
                    fault,
                    number,
                    given.keep.absolute(),
                    seed=given.seed,
                    guarantee=guarantee,
                    long=given.long,
                )
                outcomes.append(outcome)
                _tell(outcome, given.seed, guarantee, given.long)
    except KafkaSetupError as error:
        print(f"chaos: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    finally:
        cluster.stop()
        shutil.rmtree(workdir, ignore_errors=True)
    if not outcomes:
        return 1
    print(f"\nseed {given.seed}, {guarantee}, {sum(o.took_s for o in outcomes):.0f} s\n")
    print(table(outcomes, guarantee))
    whole = len(outcomes) == len(list(numbers)) * len(faults)
    return 0 if whole and all(outcome.passed(guarantee) for outcome in outcomes) else 1


def _tell(outcome: Outcome, seed: int, guarantee: str, long: bool) -> None:
    if not outcome.passed(guarantee):
        print(failure(outcome, seed, guarantee, long), flush=True)
        return
    tally = outcome.tally
    times = ", ".join(f"{took:.1f}" for took in outcome.recoveries) or "-"
    print(
        f"round {outcome.round} {outcome.fault}: in {tally.records_in}, out {tally.records_out},"
        f" duplicated {tally.duplicated}, recovered in {times} s, took {outcome.took_s:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
