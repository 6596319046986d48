"""Who may do what, over HTTP: each role by each action, with and without what a change needs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gameday.console.access import ROLES, Role
from tests.console.a_console import Browser, Day, a_day, answering, enter

BODIES: dict[str, Any] = {
    "ack": {"prompt": "step-zq-failover#2"},
    "note": {"text": "The supplier called back"},
    "tick": {"step": "step-zq-failover", "number": 2},
    "wrong": {"step": "step-zq-failover", "number": 2, "text": "There is no such button"},
    "missing": {"step": "step-zq-failover", "number": 2, "text": "Tell the desk"},
    "score": {"step": "step-zq-ack", "score": "performed", "comment": ""},
    "hold": {"why": "lunch"},
    "resume": None,
    "skip": {"step": "step-zq-regulator-calls"},
    "fire": {"step": "step-zq-regulator-calls"},
    "delay": {"step": "step-zq-regulator-calls", "by_ms": 60_000},
    "abort": {"why": "real customers"},
    "emergency": {"why": "real customers"},
    "debrief": {"answers": [{"question": "Where were we lucky?", "text": "The standby was warm"}]},
}
MAY: dict[Role, set[str]] = {
    "facilitator": {"ack", "note", "hold", "resume", "skip", "fire", "delay", "abort", "emergency", "debrief"},
    "player": {"ack", "note", "tick", "wrong", "missing", "debrief"},
    "evaluator": {"note", "score", "debrief"},
    "reader": set(),
}
TOO_EARLY = {(r, "debrief") for r in ROLES}  # the run has not ended: see test_debrief.py
REFUSED = {("facilitator", "ack"), ("facilitator", "resume"), *TOO_EARLY}  # for a player; and the run is not held
READS: dict[str, set[Role]] = {
    "/api/session": set(ROLES),
    "/api/runs/mine": set(ROLES),
    "/api/runs/mine/stream?once=true": set(ROLES),
    "/api/runs": {"facilitator", "evaluator", "reader"},
    "/api/runs/mine/signals": {"facilitator", "evaluator", "reader"},
    "/api/runs/mine/gauges": {"facilitator", "evaluator", "reader"},
    "/api/services": {"facilitator", "evaluator", "reader"},
    "/api/runs/mine/plan": {"facilitator", "evaluator"},
    "/api/runs/mine/report": {"facilitator", "evaluator"},
    "/api/links": {"facilitator"},
    "/api/schedules": set(),  # of the whole workspace: see test_schedules.py
    "/api/runs/mine/debrief": set(),  # until it has ended: see test_debrief.py
    f"/api/starts/{'0' * 16}": set(),  # one run is open to these sessions, so they start none
}


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with a_day(tmp_path) as made, answering(made):
        made.tell(230)
        yield made


def by(day: Day, role: Role) -> Browser:
    return enter(day.app(), role, "payments-on-call" if role == "player" else role, day.run)


@pytest.mark.parametrize("action", BODIES)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_calls_what_is_its_own_and_nothing_else(day: Day, role: Role, action: str) -> None:
    answer = by(day, role).post(f"/api/runs/mine/{action}", BODIES[action])
    if action in MAY[role]:
        assert answer.status_code == (409 if (role, action) in REFUSED else 200), answer.text
    else:
        assert answer.status_code == 403
        assert answer.json()["detail"] == f"This is not for the role {role}."
        assert not list((day.run / "inbox").glob("*.json")) if (day.run / "inbox").exists() else True


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_what_is_its_own_and_nothing_else(day: Day, role: Role, path: str) -> None:
    answer = by(day, role).get(path)
    early = path.endswith("/debrief") and role != "reader"
    assert answer.status_code == (200 if role in READS[path] else 409 if early else 403), answer.text


def test_every_route_of_the_api_is_in_these_tables(day: Day) -> None:
    """A route that nobody thought of would be open to whom it is open."""
    told = {*BODIES}
    reads = {path.split("?")[0].replace("mine", "{ref}").replace("0" * 16, "{ident}") for path in READS}
    for path, methods in day.app().openapi()["paths"].items():
        for method in methods:
            if method == "get":
                assert path in reads, path
            elif path not in ("/api/starts", "/api/links", "/api/links/{ident}"):  # below
                assert path.rpartition("/")[2] in told, path


@pytest.mark.parametrize("role", [r for r in ROLES if r != "facilitator"])
def test_only_a_facilitator_starts_runs_and_makes_links(day: Day, role: Role) -> None:
    for browser in (by(day, role), enter(day.app(), role, "somebody")):
        assert browser.post("/api/starts", {"scenario": "payment-functions-stop"}).status_code == 403
        assert browser.post("/api/links", {"role": "facilitator"}).status_code == 403
        deleted = browser.client.delete(f"/api/links/{browser.grant.id}", headers={"x-csrf-token": browser.csrf})
        assert deleted.status_code == 403


def test_a_facilitator_of_one_run_starts_none_and_lets_nobody_into_another(day: Day) -> None:
    browser = by(day, "facilitator")
    assert browser.post("/api/starts", {"scenario": "payment-functions-stop"}).status_code == 403
    made = browser.post("/api/links", {"role": "reader"}).json()
    assert made["run"] == day.run.name
    assert browser.post("/api/links", {"role": "reader", "run": "another"}).status_code == 404
    everywhere = enter(day.app(), "facilitator")
    assert len(everywhere.get("/api/links").json()) == 3
    assert {link["run"] for link in browser.get("/api/links").json()} == {day.run.name}
    theirs = browser.client.delete(f"/api/links/{everywhere.grant.id}", headers={"x-csrf-token": browser.csrf})
    assert theirs.status_code == 404


def test_a_link_made_in_the_console_opens_what_it_says(day: Day) -> None:
    made = enter(day.app(), "facilitator").post(
        "/api/links", {"role": "player", "who": "payments-on-call", "run": day.run.name, "hours": 1}
    )
    assert made.status_code == 201
    app = day.app()
    from fastapi.testclient import TestClient

    client = TestClient(app, follow_redirects=False)
    token = made.json()["path"].rpartition("/")[2]
    assert client.post("/enter", data={"token": token}).status_code == 303
    assert client.get("/api/session").json()["who"] == "payments-on-call"


def test_a_players_link_says_for_which_role_and_run(day: Day) -> None:
    browser = enter(day.app(), "facilitator")
    assert browser.post("/api/links", {"role": "player", "run": day.run.name}).status_code == 422
    assert browser.post("/api/links", {"role": "player", "who": "payments-on-call"}).status_code == 422


@pytest.mark.parametrize("role", ROLES)
def test_without_its_token_no_change_is_taken(day: Day, role: Role) -> None:
    browser, other = by(day, role), by(day, role)
    for action, body in BODIES.items():
        path = f"/api/runs/mine/{action}"
        assert browser.client.post(path, json=body).status_code == 403
        assert browser.client.post(path, json=body, headers={"x-csrf-token": ""}).status_code == 403
        assert browser.client.post(path, json=body, headers={"x-csrf-token": other.csrf}).status_code == 403
    assert "note" not in {c.partition(".")[0] for c in day.state.commands}
    assert not day.state.commands


@pytest.mark.parametrize("header", [{"origin": "https://evil.example"}, {"origin": "null"},
                                    {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}])  # fmt: skip
def test_what_comes_from_another_site_is_refused(day: Day, header: dict[str, str]) -> None:
    browser = by(day, "facilitator")
    assert browser.post("/api/runs/mine/hold", {"why": ""}, **header).status_code == 403
    assert browser.post("/api/runs/mine/hold", {"why": ""}, origin="https://testserver").status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_another_run_is_not_there_for_a_session_of_one(day: Day, role: Role) -> None:
    from gameday.runs import make_run

    other = make_run(day.root, "another", 1_800_000_000_000)
    for name in ("plan.json", "journal.jsonl"):
        (other / name).write_bytes((day.run / name).read_bytes())
    browser = by(day, role)
    refs = [other.name, "..", f"../{other.name}", "%2e%2e", "x" * 150, "é", "*"]
    refs += [day.run.name] if role == "player" else []
    for ref in refs:
        for path in ("", "/signals", "/plan", "/report", "/stream?once=true", "/gauges"):
            assert browser.get(f"/api/runs/{ref}{path}").status_code in (403, 404), ref
    assert browser.post(f"/api/runs/{other.name}/note", {"text": "hello"}).status_code in (403, 404)


def test_a_reader_learns_what_was_planned_when_the_run_has_ended(day: Day) -> None:
    reader = by(day, "reader")
    before = reader.get("/api/runs/mine").json()
    assert {s["id"] for s in before["steps"]} == {f"step-zq-{s}" for s in ("stop-payments", "alarm", "ack", "failover")}
    assert reader.get("/api/runs/mine/plan").status_code == 403
    from gameday.journal.events import Draft

    day.add(Draft("run.ended", {"status": "completed"}))
    assert len(reader.get("/api/runs/mine").json()["steps"]) == 5
    assert reader.get("/api/runs/mine/plan").status_code == 200


def test_an_action_reaches_the_conductor_and_its_answer_comes_back(day: Day) -> None:
    player, facilitator = by(day, "player"), by(day, "facilitator")
    found = player.post("/api/runs/mine/note", {"text": "I see errors"}).json()
    assert (found["result"], found["type"]) == ("applied", "note")
    assert day.state.notes[-1][1:] == ("payments-on-call", "I see errors")
    later = player.post("/api/runs/mine/tick", {"step": "step-zq-failover", "number": 3}).json()
    assert later["type"] == "task.step_done" and set(day.state.tasks["step-zq-failover"]) == {1, 3}, "before its turn"
    ticked = player.post("/api/runs/mine/tick", {"step": "step-zq-failover", "number": 2})
    assert ticked.json()["result"] == "applied"
    assert (
        player.post("/api/runs/mine/ack", {"prompt": "step-zq-failover#2"}).json()["detail"] == "This was done already."
    )
    assert facilitator.post("/api/runs/mine/hold", {"why": "lunch"}).status_code == 200
    assert facilitator.get("/api/runs/mine").json()["head"]["status"] == "held"
    again = facilitator.post("/api/runs/mine/hold", {"why": "lunch"})
    assert (again.status_code, again.json()["detail"]) == (409, "the run is held already")
    assert facilitator.post("/api/runs/mine/resume").status_code == 200
    assert facilitator.post("/api/runs/mine/abort", {"why": "enough"}).json()["type"] == "abort.asked"


def test_the_timeline_is_moved_by_hand_and_what_has_begun_is_not(day: Day) -> None:
    facilitator = by(day, "facilitator")
    calls = "step-zq-regulator-calls"
    assert (
        facilitator.post("/api/runs/mine/delay", {"step": calls, "by_ms": 60_000}).json()["type"] == "step.delay_asked"
    )
    assert facilitator.post("/api/runs/mine/fire", {"step": calls}).json()["type"] == "step.fire_asked"
    assert day.state.played.delays == {calls: 60_000} and set(day.state.played.fired) == {calls}
    for action, more in (("fire", {}), ("delay", {"by_ms": 1_000})):
        begun = facilitator.post(f"/api/runs/mine/{action}", {"step": "step-zq-stop-payments", **more})
        assert (begun.status_code, begun.json()["detail"]) == (409, "step step-zq-stop-payments has begun")


def test_a_reader_does_not_learn_of_a_step_that_was_moved_before_it_began(day: Day) -> None:
    facilitator = by(day, "facilitator")
    for action, more in (("delay", {"by_ms": 60_000}), ("fire", {}), ("skip", {})):
        assert (
            facilitator.post(f"/api/runs/mine/{action}", {"step": "step-zq-regulator-calls", **more}).status_code == 200
        )
    calls = day.plan.step("step-zq-regulator-calls").title
    told = {role: by(day, role).get("/api/runs/mine").json()["lines"] for role in ("reader", "evaluator")}
    assert not [line for line in told["reader"] if calls in line["text"]]
    assert len([line for line in told["evaluator"] if calls in line["text"]]) == 3


def test_a_score_stands_at_its_step_for_those_who_watch(day: Day) -> None:
    evaluator = by(day, "evaluator")
    scored = {"step": "step-zq-ack", "score": "major_challenges", "comment": "No figures at hand"}
    assert evaluator.post("/api/runs/mine/score", scored).json()["type"] == "step.scored"
    steps = {s["id"]: s["score"] for s in by(day, "facilitator").get("/api/runs/mine").json()["steps"]}
    assert steps["step-zq-ack"] == "major challenges" and steps["step-zq-alarm"] is None


def test_what_players_say_of_a_runbook_reaches_the_journal_and_their_page(day: Day) -> None:
    player = by(day, "player")
    for action in ("wrong", "missing"):
        assert player.post(f"/api/runs/mine/{action}", BODIES[action]).json()["type"] == f"task.step_{action}"
    said = [line["text"] for line in player.get("/api/runs/mine").json()["lines"]][-2:]
    assert said == ["you said that step 2 is wrong: There is no such button",
                    "you said that a step is missing after step 2: Tell the desk"]  # fmt: skip
