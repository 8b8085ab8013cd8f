"""`baton contract render`: Prometheus rules with their tests, Alertmanager's routes, dashboards."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from streams.cli.options import book_from
from streams.contract_files import bundled_contract
from streams.domain.contract import ContractError
from streams.export.alerting.deployment import rendered
from streams.export.alerting.options import RenderOptions

_DURATION = re.compile("[1-9][0-9]*(s|m|h)")
_HELP: Mapping[str, str] = {
    "scrape_interval": "How often Prometheus scrapes and evaluates.",
    "stale_after": "Age of the heartbeat at which the pipeline is stale.",
    "group_wait": "How long Alertmanager waits for more of a new group.",
    "group_interval": "How long it waits before it tells of changes in a group.",
    "repeat_interval": "How often it repeats what still fires.",
    "workers": "host:port of each worker's pages; several times.",
    "prometheus": "host:port of Prometheus.",
    "alertmanager": "host:port of Alertmanager.",
    "secrets_dir": "Folder of the secrets' files on Alertmanager's host.",
    "scrape_token_file": "File on Prometheus's host with the bearer token of the workers' pages.",
    "pagerduty_url": "Where PagerDuty's events go, if not to PagerDuty.",
    "webhook_url": "Webhook that gets pages and the watchdog.",
    "smarthost": "host:port of the mail server.",
    "email_from": "Sender of mails.",
    "email_to": "Who gets tickets by mail.",
    "runbooks_url": "Where deploy/runbooks/ is served.",
    "grafana_url": "Where Grafana is.",
}
_DURATIONS = ("scrape_interval", "stale_after", "group_wait", "group_interval", "repeat_interval")


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for field in reversed(fields(RenderOptions)):
        several = isinstance(field.default, tuple)
        name = "worker" if field.name == "workers" else field.name.replace("_", "-")
        command = click.option(
            f"--{name}",
            field.name,
            multiple=several,
            default=field.default,
            show_default=bool(field.default),
            help=_HELP[field.name],
            callback=_duration if field.name in _DURATIONS else None,
        )(command)
    return command


def _duration(_: click.Context, parameter: click.Parameter, given: str) -> str:
    if _DURATION.fullmatch(given) is None:
        raise click.BadParameter(f"{given!r} is no duration like 15s, 2m or 4h", param=parameter)
    return given


@click.command()
@click.argument("contracts", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("deploy"),
    show_default=True,
    help="Folder that gets prometheus/, alertmanager/ and grafana/dashboards/.",
)
@_options
def render(contracts: tuple[Path, ...], out: Path, **given: Any) -> None:
    """Write the rules, rule tests, routes and dashboards of CONTRACTS (files or folders; all that
    come with Baton if none is given).

    The same contracts give the same files. Of each contract the last version is rendered.
    Dashboards need the extra `baton-streams[dashboards]` and are left out without it.
    """
    folder = bundled_contract("telco-2026").parent
    options = RenderOptions(**given)
    try:
        book = book_from(contracts or (folder,))
        files = rendered(book, options)
    except ContractError as error:
        raise click.ClickException(str(error)) from None
    _write(out, files)
    try:
        from streams.export.dashboards.rendering import write_dashboards
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("grafana_foundation_sdk"):
            raise
        click.echo("dashboards left out: pip install 'baton-streams[dashboards]'", err=True)
        return
    place = out / "grafana" / "dashboards"
    try:
        for path in write_dashboards(book, place, options.runbooks_url):
            click.echo(path)
    except OSError as error:
        raise click.ClickException(f"{place}: cannot be written: {error.strerror}") from None


def _write(out: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        path = out / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise click.ClickException(f"{path}: cannot be written: {error.strerror}") from None
        click.echo(path)
