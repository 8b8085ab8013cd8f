"""`baton audit report`: what the reviews of a sample say about its period."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from streams.cli.audit import print_wide
from streams.cli.audit_options import log_from, reading_options, subject_of, subject_options
from streams.cli.audit_samples import read_samples, sample_option
from streams.cli.audit_tables import report_json, report_table
from streams.cli.contract import form_option
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
