"""`baton audit report`: what the reviews of a sample say about its period."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.cli.audit import print_wide
from streams.cli.audit_log import AuditLog, decoded
from streams.cli.audit_options import (
    Subject,
    log_from,
    reading_options,
    subject_of,
    subject_options,
)
from streams.cli.audit_samples import read_samples, sample_option
from streams.cli.audit_tables import report_json, report_table
from streams.cli.contract import form_option
from streams.domain.audit.record import Sample, names_sample
from streams.domain.audit.report import report_of


@click.command()
@sample_option
@subject_options
@reading_options
@form_option
def report(
    sample_file: Path | None,
    contracts: tuple[Path, ...],
    name: str | None,
    period_name: str,
    form: str,
    **given: Any,
) -> None:
    """Join reviews (qa.evaluated) to their samples, and estimate for the whole period.

    A review names the sample's id in `sampling_job_id`. What was drawn and has no review is
    stated; a stratum without any is unknown.
    """
    subject = subject_of(contracts, name, period_name)
    samples, problems = read_samples(subject, sample_file, given)
    for problem in problems:
        click.echo(problem, err=True)
    log = log_from(subject, given)
    samples = _kept(samples, log, subject)
    try:
        told = report_of(samples, log.events(subject.book), subject.book)
    except ValueError as error:
        raise click.ClickException(
            f"{subject.contract}, {subject.period.name}: {error} to report on"
        ) from None
    if form == "json":
        click.get_binary_stream("stdout").write(report_json(told) + b"\n")
    else:
        print_wide(report_table(told))


def _kept(samples: list[Sample], log: AuditLog, subject: Subject) -> list[Sample]:
    """The samples of who did not ask for erasure; says how many others there are."""
    requests = log.requests(subject.book)

    def erased(one: Sample) -> bool:
        said = log.said_of(one.data.conversation_id)
        return names_sample(requests, one, decoded(said, subject.book))

    kept = [one for one in samples if not erased(one)]
    if len(kept) < len(samples):
        click.echo(
            f"{len(samples) - len(kept)} samples are of persons who asked for erasure, and not in"
            " the report: delete them, `baton audit verify` names them",
            err=True,
        )
    return kept
