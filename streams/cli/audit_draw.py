"""`baton audit sample` and `baton audit verify`: the draw, and the draw repeated."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import click
from aiokafka.errors import KafkaError

from streams.cli.audit_frame import ClosedPeriod, Groups
from streams.cli.audit_options import (
    SECRET_VARIABLE,
    Subject,
    broker_settings,
    check_commitments,
    frame_from,
    reading_options,
    secret_options,
    secrets_from,
    subject_of,
    subject_options,
)
from streams.cli.audit_samples import read_samples, sample_option
from streams.domain.audit.comparison import disagreements
from streams.domain.audit.draw import DrawError, draw_key
from streams.domain.audit.record import (
    Drawing,
    Lottery,
    decode_sample,
    encode_sample,
    sample_key,
    samples_of,
)
from streams.domain.audit.strata import Unit
from streams.kafka import topics
from streams.kafka.connection import ConnectionFailed, check_connection, denied
from streams.kafka.whole_topic import NoTopic, write_all
from streams.oracle.audit_draw import winners

EXIT_DISAGREES = 1


@click.command()
@subject_options
@secret_options
@reading_options
@click.option("--out", type=click.Path(path_type=Path), help="Write to this file, not to stdout.")
@click.option("--publish", is_flag=True, help="Write to the topic audit-samples of --broker.")
@click.option(
    "--idempotence/--no-idempotence", default=True, help="Off for brokers that cannot (embedded)."
)
def sample(
    contracts: tuple[Path, ...],
    name: str | None,
    period_name: str,
    secret_files: tuple[Path, ...],
    commitments: tuple[str, ...],
    out: Path | None,
    publish: bool,
    idempotence: bool,
    **given: Any,
) -> None:
    """Draw the sample of a closed period: a JSON line for each episode, with its whole path.

    From FILE, or from the topic of events where none is given. The same events and secrets give
    the same bytes.
    """
    if publish and out is not None:
        raise click.UsageError("--out and --publish: choose one of them")
    guarantee = "exactly-once" if idempotence else "at-least-once"
    settings = broker_settings({**given, "idempotence": idempotence, "guarantee": guarantee})
    subject = subject_of(contracts, name, period_name)
    samples, erased = drawn_sample(subject, secret_files, commitments, given)
    if erased:
        click.echo(
            f"{len(erased)} of the {len(samples) + len(erased)} that were drawn are of persons who"
            " asked for erasure: no sample is made of them",
            err=True,
        )
    if publish:
        topic = settings.topic(topics.AUDIT_SAMPLES)

        async def write() -> int:
            await check_connection(settings)
            records = [(sample_key(one), encode_sample(one)) for one in samples]
            return await write_all(settings, topic, records)

        try:
            written = asyncio.run(write())
        except (ConnectionFailed, NoTopic, KafkaError) as error:
            raise click.ClickException(denied(error) or str(error)) from None
        click.echo(f"{written} samples written to {topic}", err=True)
        return
    lines = b"".join(encode_sample(one) + b"\n" for one in samples)
    if out is None:
        click.get_binary_stream("stdout").write(lines)
        return
    try:
        out.write_bytes(lines)
    except OSError as error:
        raise click.ClickException(f"--out {out}: {error.strerror}") from None
    click.echo(f"{out}: {len(samples)} samples", err=True)


@click.command()
@sample_option
@subject_options
@secret_options
@reading_options
def verify(
    sample_file: Path | None,
    contracts: tuple[Path, ...],
    name: str | None,
    period_name: str,
    secret_files: tuple[Path, ...],
    commitments: tuple[str, ...],
    **given: Any,
) -> None:
    """Repeat a draw from events of one's own, once the secrets are disclosed.

    Exit code 0: the sample is what had to be drawn; 1: it is not, and every difference is listed.
    """
    subject = subject_of(contracts, name, period_name)
    drawn = drawn_sample(subject, secret_files, commitments, given)
    # As they are read back, so that like is compared with like.
    wanted = [decode_sample(encode_sample(one)) for one in drawn.samples]
    read, unusable = read_samples(subject, sample_file, given)
    gone = {one.id for one in drawn.erased}
    found = [one for one in read if one.id not in gone]
    kept = [one.id for one in read if one.id in gone]
    for name in kept:
        click.echo(f"erased {name}: delete it, for its customer asked for erasure")
    for problem in unusable:
        click.echo(problem)
    frames = {one.data.draw.frame for one in found}
    ours = {one.data.draw.frame for one in wanted}
    if found and frames != ours:
        click.echo(
            "the frames differ: the sample was drawn from other episodes, or from episodes that"
            " were classified otherwise, than these events give"
        )
    faults = disagreements(found, wanted)
    for one in faults:
        what = f": {', '.join(one.fields)}" if one.fields else ""
        click.echo(f"{one.fault} {one.id} {one.conversation}{what}")
    if faults or unusable or kept:
        count = len(faults) + len(unusable) + len(kept)
        click.echo(f"{count} disagreements, {len(wanted)} had to be drawn")
        sys.exit(EXIT_DISAGREES)
    without = f"; {len(gone)} more were drawn and are erased" if gone else ""
    click.echo(f"{len(wanted)} samples, all as they had to be drawn{without}")


def drawn_sample(
    subject: Subject,
    secret_files: tuple[Path, ...],
    commitments: tuple[str, ...],
    given: dict[str, Any],
) -> Drawing:
    """The sample, drawn twice by separate code. Raises ClickException."""
    secrets = secrets_from(secret_files, os.environ.get(SECRET_VARIABLE, ""))
    made = check_commitments(subject, secrets, commitments)
    try:
        key = draw_key(secrets)
    except DrawError as error:
        raise click.ClickException(str(error)) from None
    closed = frame_from(subject, given)
    lottery = Lottery(closed, subject.period, closed.cut_ms, subject.terms, key, made)
    drawing = samples_of(lottery, closed.events_of, closed.log.requests(subject.book))
    _judge(drawing, subject, closed, key)
    return drawing


def _judge(drawing: Drawing, subject: Subject, closed: ClosedPeriod, key: bytes) -> None:
    """Hold the draw against the judge's, which is other code on the same facts."""
    groups, period = Groups(closed), subject.period
    due = winners(groups, subject.book, subject.contract, period, subject.terms, key)
    ours = {
        (one.data.conversation_id, one.data.life, one.data.episode): (
            tuple(one.data.stratum.items()),
            one.data.counts.population,
            one.data.counts.sampled,
            one.data.draw.rank,
            one.data.draw.ticket,
        )
        for one in (*drawing.samples, *drawing.erased)
    }
    theirs = {Unit(*unit).named: tuple(winner) for unit, winner in due.items()}
    if ours != theirs:
        raise click.ClickException(
            "Baton's two computations of this draw disagree, which is a defect of Baton: report it"
        )
