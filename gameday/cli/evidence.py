"""``gameday evidence``: seal a run, verify, approve, and withhold what must not be seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gameday.errors import EXIT_COULD_NOT_START

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from gameday.evidence.verify import Found

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
Command = Callable[..., None]


def _keyed(command: Command) -> Command:
    """The options that name a private key."""
    command = click.option("--passphrase-file", type=_FILE, help="The file that holds the key's passphrase.")(command)
    command = click.option("--passphrase-env", metavar="VARIABLE", help="The variable that holds it.")(command)
    return click.option("--key", type=_FILE, help="Your private key; else the one of gameday.yaml.")(command)


def _because(command: Command) -> Command:
    command = click.option("--because", default="", help="Why it is withheld; it stands in the bag.")(command)
    command = click.option("--path", "paths", multiple=True, help="Withhold this file of the bag.")(command)
    return click.option("--event", "events", multiple=True, type=int, help="Withhold the event of this number.")(
        command
    )


@click.group()
def evidence() -> None:
    """Evidence that an outsider can check without our software: a signed folder in the BagIt layout."""
    from gameday.wiring.enrolling import installed

    installed()


@evidence.command(epilog="Example: gameday evidence seal 20261123-1012-payment-functions-stop --out evidence/1")
@click.argument("run", required=False, type=_FILE)
@click.option("--out", required=True, type=_FOLDER, help="A folder that is not there yet.")
@_keyed
@_because
def seal(run: Path | None, out: Path, key: Path | None, passphrase_env: str | None, passphrase_file: Path | None,
         events: tuple[int, ...], paths: tuple[str, ...], because: str) -> None:  # fmt: skip
    """Seal RUN (an id or a folder; the newest run): judge it once more, and sign all that it left.

    It is a draft, and says why, until the rules L01 to L20 hold and somebody with another key has approved it.
    Nothing is sealed that holds a secret or a name of the roster. Exit code: 0, or 5 when it cannot be sealed.
    """
    from gameday.library import workspace_or_here
    from gameday.runs import run_folder
    from gameday.wiring.sealing import seal_run

    root = workspace_or_here()
    what = _withhold(events, paths, because)
    signer = _signer(root, key, passphrase_env, passphrase_file)
    sealed = seal_run(root, run_folder(root, run), out, signer, what)
    _still(sealed.still)
    _tell(_verified(out, None, None, None), out, False)


@evidence.command(epilog="Example: gameday evidence verify evidence/1 --key sealer.pub.pem")
@click.argument("folder", type=_FOLDER)
@click.option("--key", type=_FILE, help="The sealer's public key, which you have from elsewhere.")
@click.option("--approver", type=_FILE, help="The approver's public key, which you have from elsewhere.")
@click.option("--chain", type=_FILE, help="Another copy of the chain of runs: a chain.jsonl, or another bag.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(folder: Path, key: Path | None, approver: Path | None, chain: Path | None, as_json: bool) -> None:
    """Check the bag in FOLDER: signatures, every file, journal, pre-registration, verdict, chain. Each fault is named.

    Exit code: 0 nothing is wrong (final or draft), 5 something is.
    """
    found = _verified(folder, key, approver, chain)
    _tell(found, folder, as_json)
    sys.exit(EXIT_COULD_NOT_START if found.problems else 0)


@evidence.command(epilog="Example: gameday evidence approve evidence/1 --key approver.pem --by head-of-resilience")
@click.argument("folder", type=_FOLDER)
@click.option("--by", required=True, metavar="ROLE", help="The role in which you approve; never a name.")
@_keyed
def approve(folder: Path, by: str, key: Path | None, passphrase_env: str | None, passphrase_file: Path | None) -> None:
    """Approve the bag in FOLDER: sign the same manifest with another key than the sealer's.

    Exit code: 0, or 5 when the bag is not valid or the key is the sealer's own.
    """
    from gameday.evidence.approve import approve as give
    from gameday.evidence.bag import ENVELOPE, write_bag
    from gameday.evidence.envelope import RUN, open_envelope

    signer, files = _opened(folder, key, passphrase_env, passphrase_file)
    write_bag(folder, give(files, open_envelope(files[ENVELOPE], RUN), signer, by), over=True)
    _tell(_verified(folder, None, None, None), folder, False)


@evidence.command(epilog="Example: gameday evidence redact evidence/1 --event 41 --because 'names a customer'")
@click.argument("folder", type=_FOLDER)
@_keyed
@_because
def redact(folder: Path, key: Path | None, passphrase_env: str | None, passphrase_file: Path | None,
           events: tuple[int, ...], paths: tuple[str, ...], because: str) -> None:  # fmt: skip
    """Withhold events or files from the bag in FOLDER; all the rest still verifies.

    The bag says what is withheld, why, and whether the verdict can be computed without it. Reports are withheld with
    an event, since they retell it. Exit code: 0, or 5 when that must not be withheld.
    """
    from gameday.evidence.bag import write_bag
    from gameday.wiring.sealing import withhold

    what = _withhold(events, paths, because)
    if not (events or paths):
        raise click.UsageError("it needs --event or --path")
    signer, files = _opened(folder, key, passphrase_env, passphrase_file)
    done = withhold(files, what, signer)
    write_bag(folder, done.files, over=True)
    _still(done.still)
    _tell(_verified(folder, None, None, None), folder, False)


def _withhold(events: tuple[int, ...], paths: tuple[str, ...], because: str) -> Any:
    from gameday.wiring.sealing import Withhold

    if (events or paths) and not because.strip():
        raise click.UsageError("what is withheld needs --because")
    return Withhold(events, paths, because.strip())


def _signer(root: Path, key: Path | None, variable: str | None, file: Path | None) -> Ed25519PrivateKey:
    from gameday.cli.key import passphrase
    from gameday.wiring.sealing import key_for

    return key_for(root, key, passphrase(variable, file))


def _opened(folder: Path, key: Path | None, variable: str | None, file: Path | None) -> tuple[Any, dict[str, bytes]]:
    """A key, and a bag with which nothing is wrong. CouldNotStart BAG_NOT_VALID."""
    from gameday.errors import could_not_start
    from gameday.evidence.bag import read_bag
    from gameday.library import workspace_or_here

    signer = _signer(workspace_or_here(), key, variable, file)
    found = _verified(folder, None, None, None)
    if found.problems:
        what = f"this bag does not verify ({found.problems[0].code}): nobody signs what was changed"
        raise could_not_start("BAG_NOT_VALID", what, f"gameday evidence verify {folder}", folder)
    return signer, read_bag(folder)[0]


def _verified(folder: Path, key: Path | None, approver: Path | None, chain: Path | None) -> Found:
    from gameday.evidence.bag import CHAIN, read_bag
    from gameday.evidence.keys import read_public
    from gameday.evidence.verify import Trusted, verify

    other = chain / CHAIN if chain and chain.is_dir() else chain
    trusted = Trusted(read_public(key) if key else None, read_public(approver) if approver else None,
                      other.read_bytes() if other else None)  # fmt: skip
    return verify(*read_bag(folder), trusted)


def _still(names: tuple[str, ...]) -> None:
    for name in names:
        click.echo(f"a text of a withheld event still stands in {name}; --path {name} withholds that, too", err=True)


def _tell(found: Found, folder: Path, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(_record(found), indent=2, ensure_ascii=False))
        return
    for problem in found.problems:
        click.echo(f"{problem.code}  {problem.place.path if problem.place else ''}: {problem.message}")
    for line in (*found.remarks, *(f"draft: {reason}" for reason in found.draft if not found.problems)):
        click.echo(f"  {line}")
    outcome = f", {found.said['outcome']}" if found.said else ""
    click.echo(f"{found.status.upper()}  {folder}{outcome}; sealed with key {found.sealer or 'unknown'}"
               + (f", approved with {found.approver}" if found.approver else ""))  # fmt: skip
    if not found.problems:
        click.echo("What a signature does not prove is in its VERIFY.md.")


def _record(found: Found) -> dict[str, Any]:
    problems = [{"code": p.code, "where": p.place.path if p.place else None, "says": p.message} for p in found.problems]
    return {"status": found.status, "problems": problems, "remarks": found.remarks, "draft": found.draft,
            "run": found.said.get("run"), "outcome": found.said.get("outcome"), "sealer": found.sealer,
            "approver": found.approver, "not_proved": found.said.get("not_proved", [])}  # fmt: skip
