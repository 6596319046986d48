"""``gameday library``: what there is to use, one line each; and observers made of a pack of standard metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.model.content import Content
    from gameday.model.pack import Pack
    from gameday.model.service import Technology


@click.command(epilog="Example: gameday library --pack lambda --resource payments-function --write")
@click.option("--library", "folder", type=click.Path(path_type=Path), help="List this folder, not what ships.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--pack", "pack_id", metavar="ID", help="Show the metrics of a pack, and why they tell of recovery.")
@click.option("--resource", metavar="ID", help="With --pack: observers for this resource of a service here.")
@click.option("--set", "words", multiple=True, metavar="WORD=VALUE", help="What the resource does not say itself.")
@click.option("--write", is_flag=True, help="Write the observers into the workspace; files that are there are kept.")
def library(
    folder: Path | None, as_json: bool, pack_id: str | None, resource: str | None, words: tuple[str, ...], write: bool
) -> None:
    """List what ships: scenarios, runbooks, observers, and packs of standard metrics for AWS services.

    With --pack and --resource, make observers for one technology resource of a service in this workspace.
    """
    if pack_id is None:
        if resource or words or write:
            raise click.UsageError("--resource, --set and --write go with --pack ID")
        _list(folder, as_json)
        return
    pack = _pack(pack_id)
    if resource is None:
        _show(pack, as_json)
        return
    _make(pack, resource, _words(words), write)


def _list(folder: Path | None, as_json: bool) -> None:
    from gameday.library import built_in, content_root
    from gameday.model.load import load_content
    from gameday.model.pack import packs

    found = _records(load_content(content_root(folder) if folder else built_in()))
    found["packs"] = [{"id": p.id, "says": f"{p.title}: {len(p.metrics)} metrics"} for p in packs().values()]
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    for kind, records in found.items():
        click.echo(f"{kind} ({len(records)})")
        for record in records:
            click.echo(f"  {record['id']:<32} {record['says']}")


def _records(content: Content) -> dict[str, list[dict[str, str]]]:
    says = {
        "scenarios": {i: s.model.title or s.model.claim for i, s in content.scenarios.items()},
        "runbooks": {i: r.model.title for i, r in content.runbooks.items()},
        "observers": {i: o.model.means for i, o in content.observers.items()},
    }
    return {
        kind: [{"id": ident, "says": " ".join(text.split())} for ident, text in sorted(lines.items())]
        for kind, lines in says.items()
    }


def _pack(ident: str) -> Pack:
    from gameday.errors import could_not_start
    from gameday.model.pack import packs

    if ident not in packs():
        raise could_not_start("UNKNOWN_PACK", f"there is no pack {ident!r}", ", ".join(packs()))
    return packs()[ident]


def _show(pack: Pack, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(pack.model_dump(mode="json"), indent=2))
        return
    click.echo(f"{pack.title}, for resources of type {', '.join(pack.types)}")
    for metric in pack.metrics:
        click.echo(f"  {metric.id:<26} {pack.namespace} {metric.metric} ({metric.statistic})\n    {metric.why}")
    for document in pack.sources.values():
        how = "recommends" if document.recommends else "describes"
        seen = f"read {document.checked}" if document.checked else "not looked up"
        click.echo(f"{document.document} {how} them ({seen})")


def _words(pairs: tuple[str, ...]) -> dict[str, str]:
    found = dict(pair.partition("=")[::2] for pair in pairs)
    if not all(name and value for name, value in found.items()):
        raise click.UsageError("--set wants WORD=VALUE, for example --set stage=prod")
    return found


def _make(pack: Pack, resource: str, words: dict[str, str], write: bool) -> None:
    from gameday.library import workspace_or_here
    from gameday.model.load import load_content
    from gameday.model.pack import observers_of
    from gameday.model.schema import schema_comment

    root = workspace_or_here()
    content = load_content(root)
    files, problems = observers_of(pack, _technology(content, pack, resource), words)
    for problem in problems:
        click.echo(str(problem), err=True)
    for ident, text in files.items():
        path = root / "observers" / "cloudwatch" / f"{ident}.yaml"
        whole = schema_comment(path, root, "observer") + text
        kept = path.exists() or ident in content.observers
        if write and not kept:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(whole, encoding="utf-8")
        shown = path.relative_to(root)
        click.echo(f"{'kept' if kept else 'wrote'} {shown}" if write else f"--- {shown}\n{whole}")


def _technology(content: Content, pack: Pack, ident: str) -> Technology:
    """The resource of this id, of a type that the pack is for. CouldNotStart when there is none, or more than one."""
    from gameday.errors import could_not_start

    services = [loaded.model for loaded in content.services.values()]
    found = [t for t in (service.technology(ident) for service in services) if t is not None]
    if len(found) != 1:
        names = sorted({t.id for service in services for t in service.resources.technology})
        what = f"{len(found) or 'no'} services here have a technology resource {ident!r}"
        raise could_not_start("UNKNOWN_RESOURCE", what, ", ".join(names) or "a service.yaml with resources")
    if found[0].type not in pack.types:
        what = f"{ident} is of type {found[0].type}, and pack {pack.id} is for {', '.join(pack.types)}"
        raise could_not_start("PACK_TYPE", what, "the pack of the resource's type: gameday library")
    return found[0]
