"""`baton schemas`: the JSON Schemas of what this version reads from topics and writes to them."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from streams.bundled import bundled


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder that gets a copy of them all, for code generators and registries.",
)
def schemas(names: tuple[str, ...], out: Path | None) -> None:
    """List the schemas that come with this version, or print those of NAMES (as listed)."""
    folder = bundled("schemas")
    if out is not None:
        try:
            shutil.copytree(folder, out, dirs_exist_ok=True)
        except OSError as error:
            raise click.ClickException(f"{out}: cannot be written: {error.strerror}") from None
    listed = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*.[jy]*"))}
    for name in names:
        if name not in listed:
            raise click.UsageError(f"no schema {name!r}; `baton schemas` lists them")
        click.echo(listed[name].read_text(encoding="utf-8").rstrip())
    if not names:
        click.echo("\n".join(listed))
