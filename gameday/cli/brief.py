"""``gameday brief``: the packet of each role before the day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command(epilog="Example: gameday brief payment-functions-stop --out packets")
@click.argument("scenario")
@click.option("--role", metavar="ROLE", help="Of this role alone.")
@click.option("--environment", default="rehearsal", show_default=True, help="Where: a name from gameday.yaml.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="A folder for ROLE.md files; else print.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--library", type=click.Path(path_type=Path), help="Content from this folder, not the workspace.")
def brief(scenario: str, role: str | None, environment: str, out: Path | None, as_json: bool,
          library: Path | None) -> None:  # fmt: skip
    """Print what each role of SCENARIO is given before the day.

    A player's packet shows nothing of what will happen. Those who run, score or write down the day get the timeline.
    """
    found = _packets(scenario, role, environment, library)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    elif out is None:
        click.echo("\n---\n\n".join(_text(packet) for packet in found), nl=False)
    else:
        out.mkdir(parents=True, exist_ok=True)
        for packet in found:
            path = out / f"{packet['role']}.md"
            path.write_text(_text(packet), encoding="utf-8")
            click.echo(str(path))


def _text(packet: dict[str, Any]) -> str:
    from gameday.people.briefs import markdown

    return markdown(packet)


def _packets(scenario: str, role: str | None, environment: str, library: Path | None) -> list[dict[str, Any]]:
    from gameday.cli.prepare import checked_content, scenario_id
    from gameday.errors import could_not_start
    from gameday.people.briefs import packet, roles_of
    from gameday.wiring.planned import plan_and_door

    content = checked_content(scenario, library)
    ident = scenario_id(content, scenario)
    plan, _ = plan_and_door(content, ident, environment)
    service = content.services[plan.service].model
    books = {name: loaded.model for name, loaded in content.runbooks.items()}
    roles = roles_of(plan, service)
    if role is not None and role not in roles:
        raise could_not_start("UNKNOWN_ROLE", f"nothing is asked of {role!r} in {ident}", " | ".join(roles))
    briefing = content.scenarios[ident].model.briefing
    return [packet(plan, service, briefing, books, name) for name in roles if role in (None, name)]
