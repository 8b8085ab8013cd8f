"""`baton generate`: a synthetic day."""

from __future__ import annotations

from pathlib import Path

import click

from streams.sources.synthetic import SyntheticDay, write_log

MOST_HOURS = 24 * 31  # as SyntheticDay


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--interactions",
    type=click.IntRange(1),
    default=30_000,
    show_default=True,
    help="How many conversations.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Another one gives another day."
)
@click.option(
    "--hours",
    type=click.IntRange(1, MOST_HOURS),
    default=24,
    show_default=True,
    help="Over how many hours they begin.",
)
def generate(file: Path, interactions: int, seed: int, hours: int) -> None:
    """Write a synthetic day of events to FILE (.jsonl, .jsonl.gz or .jsonl.zst).

    The same seed gives the same bytes. Distributions are calibrated on measured logs; all event
    types occur, with disorder, duplicates, some unusable records, and an hour in which the AI
    fails.
    """
    day = SyntheticDay(seed=seed, interactions=interactions, hours=hours)
    try:
        events = write_log(day, file)
    except OSError as error:
        raise click.ClickException(f"{file}: cannot be written: {error.strerror}") from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: {events} records, seed {seed} (synthetic)")
