"""``gameday keys``: keys with which evidence is signed."""

from __future__ import annotations

from pathlib import Path

import click

DEFAULT = ".gameday/keys"


@click.group()
def keys() -> None:
    """Ed25519 keys that sign evidence: one for who runs the day, another for who approves it."""


@keys.command(epilog="Example: gameday keys new --name runner")
@click.option("--name", required=True, metavar="NAME", help="What its files are called.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help=f"Their folder.  [default: {DEFAULT}]")
@click.option("--passphrase-env", metavar="VARIABLE", help="Encrypt it with what this environment variable holds.")
@click.option("--passphrase-file", type=click.Path(path_type=Path), help="Encrypt it with what this file holds.")
def new(name: str, out: Path | None, passphrase_env: str | None, passphrase_file: Path | None) -> None:
    """Make a key pair: NAME.pem, which nobody else may read, and NAME.pub.pem, which others need to verify.

    Give NAME.pub.pem and the id to those who verify, by another way than with the evidence. Whoever holds NAME.pem
    can sign as you; with it lost nothing new can be signed, and what was signed still verifies.

    Exit code: 0, or 5 when there is a key of this name.
    """
    from gameday.library import workspace_or_here
    from gameday.wiring.enrolling import installed

    installed()
    from gameday.evidence.keys import new_key

    phrase = passphrase(passphrase_env, passphrase_file)
    made = new_key(out or workspace_or_here() / DEFAULT, name, phrase)
    click.echo(f"private: {made.private}\npublic:  {made.public}\nid:      {made.ident}")
    if phrase is None:
        click.echo("It is not encrypted; --passphrase-env or --passphrase-file does that.")
    click.echo(f'gameday.yaml:\n  evidence:\n    key: {{file: "{_from_workspace(made.private)}"}}')


def _from_workspace(path: Path) -> str:
    from gameday.library import workspace_or_here

    root = workspace_or_here().resolve()
    path = path.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def passphrase(variable: str | None, file: Path | None) -> str | None:
    """What the options refer to; None without any. CouldNotStart SECRET_MISSING."""
    if variable and file:
        raise click.UsageError("--passphrase-env or --passphrase-file, not both")
    if not (variable or file):
        return None
    import os

    from gameday.evidence.keys import passphrase_of
    from gameday.model.types import Reference

    return passphrase_of(Reference(env=variable, file=str(file) if file else None), os.environ, Path.cwd())
