"""The `baton` command line: known errors become one line and an exit code, never a traceback."""

from __future__ import annotations

import os
import sys
import traceback
from importlib.metadata import version
from pathlib import Path

import click

from streams.cli.audit import audit
from streams.cli.audit_draw import sample, verify
from streams.cli.audit_report import report
from streams.cli.billing import billing
from streams.cli.compare import compare
from streams.cli.contract import contract
from streams.cli.contract_diff import diff
from streams.cli.contract_render import render
from streams.cli.contract_simulate import simulate
from streams.cli.demo import demo
from streams.cli.doctor import doctor
from streams.cli.generate import generate
from streams.cli.governance import governance
from streams.cli.governance_copies import copies
from streams.cli.governance_erase import erase
from streams.cli.governance_retention import retention
from streams.cli.invoice import invoice
from streams.cli.oracle import oracle
from streams.cli.reconcile import reconcile
from streams.cli.replay import replay
from streams.cli.schemas import schemas
from streams.cli.similar import similar
from streams.cli.source import source
from streams.cli.source_run import run_topic
from streams.cli.source_serve import serve
from streams.cli.topics import topics
from streams.cli.trace import trace
from streams.cli.worker import worker
from streams.spill import SpillError

EXIT_FAILED = 1
TRACEBACK = "BATON_TRACEBACK"
_SOURCE = Path(__file__).resolve().parents[1]
EXIT_INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="baton-streams", prog_name="baton")
def cli() -> None:
    """Baton holds AI-heavy customer-service contracts to their word, from the event stream.

    Start with `baton demo`. `baton worker` is the service; every option of it can be given as
    BATON_* in the environment.
    """


for command in (demo, worker, replay, oracle, contract, invoice, billing, reconcile, audit):
    cli.add_command(command)
for command in (compare, doctor, generate, topics, schemas, trace, similar, source, governance):
    cli.add_command(command)
for command in (erase, copies, retention):
    governance.add_command(command)
for command in (diff, render, simulate):
    contract.add_command(command)
for command in (sample, verify, report):
    audit.add_command(command)
for command in (run_topic, serve):
    source.add_command(command)


def run() -> None:
    """Run the command line; exits the process."""
    try:
        cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(EXIT_INTERRUPTED)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SpillError as error:
        click.ClickException(str(error)).show()
        sys.exit(EXIT_FAILED)
    except BrokenPipeError:
        # The reader of our output went away; there is nobody left to tell.
        sys.stderr.close()
        sys.exit(EXIT_FAILED)
    except Exception as error:
        if os.environ.get(TRACEBACK):
            raise
        click.echo(f"Error: {_unforeseen(error)}", err=True)
        sys.exit(EXIT_FAILED)


def _unforeseen(error: Exception) -> str:
    # What a system call complains of is the user's to mend; of anything else the message may quote
    # a record, so that it is told in the traceback only, which has to be asked for.
    if isinstance(error, OSError) and error.strerror:
        named = f"{error.filename}: " if error.filename is not None else ""
        return f"{named}{error.strerror}"
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).is_relative_to(_SOURCE)
    ]
    where = f"{Path(ours[-1].filename).relative_to(_SOURCE.parent)}:{ours[-1].lineno}"
    return (
        f"{type(error).__name__} at {where}: a defect of Baton {version('baton-streams')}. The same"
        f" command with {TRACEBACK}=1 in the environment prints what a report of it should have"
    )
