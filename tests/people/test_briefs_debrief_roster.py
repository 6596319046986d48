"""Before the day: packets and the roster. After it: the debrief. Names stand in the roster alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from gameday.errors import CouldNotStart
from gameday.journal.asked import PromptState
from gameday.journal.state import State, StepState
from gameday.journal.store import read
from gameday.model.load import load_content
from gameday.model.scenario import PersonScript
from gameday.people.briefs import markdown, packet, roles_of
from gameday.people.debrief import ANONYMOUS, STANDARD, answer, answers_of, questions
from gameday.people.script import delay_of
from gameday.plan import Plan, dump_plan
from gameday.planning import build_plan
from gameday.reports.finish import conclude
from gameday.wiring.checking import check_content
from gameday.wiring.sockets import sockets
from tests.conductor.bench import MINUTE, Bench, a_plan, expect, task

ACK = {"role": "on-call", "does": "acknowledge"}
WORKSPACE = Path(__file__).parents[1] / "data" / "workspace"
NAMES = "kind: roster\nroles:\n  on-call: {who: Zaphod Beeblebrox, contacts: {pager: '+44 20 7946 0999'}}\n"
ENDPOINT = "http://127.0.0.1:1"


def a_day(root: Path) -> tuple[Plan, str]:
    """The plan of the good workspace, and its packets as text."""
    content = load_content(root)
    environment = content.environment("rehearsal")
    assert environment is not None
    plan = build_plan(content, "stop", "rehearsal", sockets(environment, ENDPOINT).faults)
    service, books = content.services["pay"].model, {k: v.model for k, v in content.runbooks.items()}
    briefing = content.scenarios["stop"].model.briefing
    found = [packet(plan, service, briefing, books, role) for role in roles_of(plan, service)]
    return plan, json.dumps(found) + "".join(markdown(p) for p in found)


def test_a_players_packet_shows_nothing_of_what_comes_and_the_staffs_shows_all() -> None:
    content = load_content(WORKSPACE)
    environment = content.environment("rehearsal")
    assert environment is not None
    plan = build_plan(content, "stop", "rehearsal", sockets(environment, ENDPOINT).faults)
    service, books = content.services["pay"].model, {k: v.model for k, v in content.runbooks.items()}
    briefing = content.scenarios["stop"].model.briefing
    told = {role: packet(plan, service, briefing, books, role) for role in roles_of(plan, service)}
    player, leader = markdown(told["on-call"]), markdown(told["facilitator"])
    secrets = [plan.hypothesis, *(s.says for s in plan.steps if s.says), "invocation-error"]
    assert not [text for text in secrets if text in player or text in json.dumps(told["on-call"])]
    assert "STOP" in player
    assert all(f" {step.id} (" in leader for step in plan.steps)
    assert "[ ] performed_with_challenges" in leader


def test_names_are_in_the_roster_and_in_no_plan_packet_or_digest(tmp_path: Path) -> None:
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    before, _ = a_day(root)
    (root / "roster.yaml").write_text(NAMES)
    plan, packets = a_day(root)
    everything = dump_plan(plan).decode() + packets + " ".join(str(p) for p in check_content(load_content(root)))
    assert "Zaphod" not in everything
    assert "7946" not in everything
    assert plan.digest == before.digest


def test_who_leads_production_does_not_approve_it(tmp_path: Path) -> None:
    root = Path(shutil.copytree(WORKSPACE, tmp_path / "w"))
    (root / "roster.yaml").write_text(
        "kind: roster\nscenarios: [stop]\nroles:\n  facilitator: {who: A}\n  approver: {who: B, deputy: {who: A}}\n"
    )
    codes = [p.code for p in check_content(load_content(root))]
    assert "FACILITATOR_APPROVES" not in codes
    live = "environments:\n  live: {account: '111122223333', regions: [eu-west-2], production: true}\n"
    (root / "gameday.yaml").write_text(f"kind: workspace\n{live}")
    codes = [p.code for p in check_content(load_content(root))]
    assert "FACILITATOR_APPROVES" in codes


# ---- scripted people
def test_a_drawn_delay_is_the_same_for_the_same_seed_role_and_prompt_and_inside_its_span() -> None:
    plan = a_plan(expect("ack", ACK))
    script = PersonScript.model_validate({"acknowledges": {"between": "60s", "and": "120s"}})
    prompts = [PromptState(f"p{i}", "ack", "on-call", "acknowledge", None, "Hm.", 0) for i in range(200)]
    drawn = [delay_of(plan, script, p, "seed", "on-call") or 0 for p in prompts]
    assert drawn == [delay_of(plan, script, p, "seed", "on-call") for p in prompts]
    assert drawn != [delay_of(plan, script, p, "other", "on-call") for p in prompts]
    assert drawn != [delay_of(plan, script, p, "seed", "deputy") for p in prompts]
    assert 60_000 <= min(drawn) < 65_000
    assert 115_000 < max(drawn) <= 120_000


def test_no_script_says_whether_a_call_was_made() -> None:
    plan, script = a_plan(task("move")), PersonScript.model_validate({"answers": "after 1s"})
    prompt = PromptState("move#2-made", "move", "on-call", "answer", 2, "Look.", 0)
    assert delay_of(plan, script, prompt) is None
    assert State(steps={"move": StepState()}).played.held == frozenset()


# ---- after the day
def test_a_debrief_is_kept_beside_the_journal_bound_to_it_and_told_in_the_report(tmp_path: Path) -> None:
    bench = Bench(a_plan(expect("ack", ACK, MINUTE), debrief=("Who decided?",), method="tabletop"), tmp_path)
    (tmp_path / "plan.json").write_bytes(dump_plan(bench.plan))
    with pytest.raises(CouldNotStart) as early:
        answer(tmp_path, [("Who decided?", "Nobody")], None, 1)
    assert early.value.problems[0].code == "RUN_NOT_ENDED"
    bench.run()
    bench.journal.close()
    asked, journal = questions(bench.plan), (tmp_path / "journal.jsonl").read_bytes()
    assert asked == ("Who decided?", *STANDARD)
    answer(tmp_path, [(asked[0], "Nobody | did")], None, bench.clock.wall())
    answer(tmp_path, [(asked[1], "The silence")], "scribe", bench.clock.wall())
    assert (tmp_path / "journal.jsonl").read_bytes() == journal
    assert [(e.who, e.what["text"]) for e in answers_of(tmp_path)] == [
        (ANONYMOUS, "Nobody | did"), ("scribe", "The silence")
    ]  # fmt: skip
    opened = [e for e in read(tmp_path / "debrief.jsonl")[0] if e.type == "debrief.opened"]
    assert len(opened) == 1
    conclude(tmp_path)
    report = (tmp_path / "report.md").read_text()
    assert "## Debrief" in report
    assert "The silence (scribe, debrief:" in report
