"""A player never sees what comes: every response of a whole day is searched for what was not put before them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gameday.journal.events import Draft
from tests.cli.live_run import GO
from tests.console.a_console import Browser, Day, a_day, answering, enter, parts, renamed, the_events

PLAYERS = ("payments-on-call", "incident-commander", "nobody-is-asked")
READS = (
    "/api/session", "/api/runs/mine", "/api/runs/mine/stream?once=true", "/api/runs", "/api/runs/mine/plan",
    "/api/runs/mine/report", "/api/runs/mine/signals", "/api/runs/mine/gauges", "/api/services", "/api/links",
    "/api/openapi.json", "/", "/runs/mine", "/runs/mine/plan", "/runs/mine/report", "/services", "/nowhere",
)  # fmt: skip


@pytest.fixture
def day(tmp_path: Path) -> Iterator[Day]:
    with a_day(tmp_path) as made:
        yield made


def secrets_of(day: Day, who: str, had_failover: bool = False) -> list[str]:
    """What this player was not told: the day itself, and each step of which nothing was put before them."""
    mine = {p.step for p in day.state.prompts.values() if p.to == who} | (
        {"step-zq-failover"} if had_failover else set()
    )
    plan = day.plan
    found = [plan.title, plan.scenario, plan.hypothesis, day.run.name, "payments-function", "lambda"]
    for step in plan.steps:
        if step.id not in mine:
            found += [step.id, step.title, *([step.says] if step.says else [])]
    books = {s.runbook for s in plan.steps if s.id in mine}
    return found + [text for r in plan.runbooks if r.id not in books for text in (r.id, r.title)]


def everything(browser: Browser) -> str:
    answers = [browser.get(path) for path in READS]
    return "\n".join(f"{a.headers} {a.text}" for a in answers)


def test_nothing_that_comes_later_is_in_any_response_of_a_whole_day(day: Day) -> None:
    """After each event of the day, every address; and at the end the whole stream from the first event on."""
    app = day.app()
    players = {who: enter(app, "player", who, day.run) for who in PLAYERS}
    checked = 0
    for draft in [d for d in the_events() if d.type != "signals.sampled"]:
        day.add(draft)
        for who, browser in players.items():
            told = everything(browser)
            leaked = [text for text in secrets_of(day, who) if text in told]
            assert not leaked, (draft.type, who, leaked)
            checked += 1
    assert checked == 3 * 44


def test_the_search_would_find_what_a_facilitator_sees(day: Day) -> None:
    """The search is worth something: what it looks for is there for those who may see it."""
    day.tell(100)
    told = everything(enter(day.app(), "facilitator", run=day.run))
    found = {text for text in secrets_of(day, "nobody-is-asked") if text in told}
    assert found >= {day.plan.title, day.plan.hypothesis, day.run.name}
    assert found >= {text for step in day.plan.steps for text in (step.id, step.title, step.says) if text}


def test_what_was_put_before_a_player_is_there(day: Day) -> None:
    day.tell(230)
    found = enter(day.app(), "player", "payments-on-call", day.run).get("/api/runs/mine").json()
    assert [(p["id"], p["waits"]) for p in found["prompts"]] == [
        ("step-zq-failover#2", True), ("step-zq-failover#1", False), ("step-zq-ack", False)
    ]  # fmt: skip
    assert found["prompts"][0]["says"] == "Send all payments to the standby."
    (book,) = found["runbooks"]
    assert [(t["number"], t["done_ms"] is not None, t["waits"]) for t in book["ticks"]] == [
        (1, True, False), (2, False, True), (3, False, False)
    ]  # fmt: skip
    assert {line["kind"] for line in found["lines"]} == {"RUN", "PROMPT"}
    assert found["head"]["banner"] == "REHEARSAL"
    assert found["head"]["title"] is None and found["head"]["run"] is None


def test_reasons_and_notes_of_others_are_not_for_players(day: Day) -> None:
    extra = [(230, Draft("hold.started", {"why": "PLANTED until the second fault"}, "facilitator")),
             (231, Draft("note", {"text": "PLANTED: they have no idea"}, "evaluator")),
             (232, Draft("step.skip_asked", {"step": "regulator-calls"}, "facilitator")),
             (233, Draft("command.refused", {"why": "PLANTED no step x", "kind": "skip"}, "facilitator")),
             (234, Draft("abort.asked", {"why": "PLANTED"}, "facilitator")),
             (235, Draft("guard.fired", {"guard": "PLANTED", "value": 1})),
             (236, Draft("run.ended", {"status": "aborted", "why": "PLANTED"})),
             (237, Draft("step.fire_asked", {"step": "regulator-calls"}, "facilitator")),
             (237, Draft("step.delay_asked", {"step": "regulator-calls", "by_ms": 1}, "facilitator")),
             (237, Draft("step.scored", {"step": "ack", "score": "unable", "comment": "PLANTED"}, "evaluator")),
             (237, Draft("branch.taken", {"step": "ack", "score": "PLANTED", "leads_to": "PLANTED", "by": "score"})),
             (237, Draft("people.registered", {"held": ["PLANTED"], "seed": "PLANTED"})),
             (237, Draft("channel.down", {"channel": "PLANTED", "until_ms": 1, "step": "PLANTED"})),
             (237, Draft("access.expired", {"role": "somebody-else", "until_ms": 1, "step": "PLANTED"})),
             (237, Draft("access.restored", {"role": "payments-on-call", "why": "PLANTED", "step": "PLANTED"})),
             (237, Draft("task.step_wrong", {"step": "failover", "number": 2, "text": "PLANTED"}, "evaluator")),
             (237, Draft("task.step_skipped", {"step": "failover", "number": 2, "why": "PLANTED"}, "facilitator")),
             (237, Draft("task.step_skipped", {"step": "regulator-calls", "number": 7, "why": "PLANTED"})),
             (237, Draft("something.new", {"step": "PLANTED", "text": "PLANTED"}))]  # fmt: skip
    day.tell(300, *extra)
    told = everything(enter(day.app(), "player", "payments-on-call", day.run))
    assert "PLANTED" not in told and "regulator" not in told
    assert "step 2 of the runbook is left out" in told and "step 7" not in told
    assert "the game day waits" in told and "the game day has ended" in told


def test_a_player_asks_only_of_what_was_put_before_them(day: Day) -> None:
    """Of a prompt of somebody else nothing is said, not even whether it is there."""
    day.tell(365)
    with answering(day):
        browser = enter(day.app(), "player", "payments-on-call", day.run)
        for prompt in ("step-zq-regulator-calls", "no-such-prompt"):
            answer = browser.post("/api/runs/mine/ack", {"prompt": prompt})
            assert (answer.status_code, answer.json()["detail"]) == (404, "Nothing of this name was put before you.")
        for action in ("tick", "wrong", "missing"):
            body = {"step": "step-zq-regulator-calls", "number": 1, **({} if action == "tick" else {"text": "x"})}
            assert browser.post(f"/api/runs/mine/{action}", body).status_code == 404
    assert not day.state.commands


def test_what_a_player_is_refused_is_said_in_our_words(day: Day) -> None:
    """The conductor's own may name steps; they go into the journal, and to the facilitator."""
    day.tell(175, (170, Draft("role.unavailable", {"role": "payments-on-call", "until_ms": GO + 10**9})))
    with answering(day):
        browser = enter(day.app(), "player", "payments-on-call", day.run)
        answer = browser.post("/api/runs/mine/ack", {"prompt": "step-zq-failover#1"})
        assert answer.status_code == 409
        assert answer.json()["detail"] == "This was not taken: you may be out of reach now, or it is over."
    assert browser.get("/api/runs/mine").json()["away"] is True


def test_the_stream_of_a_player_holds_their_lines_and_no_data(day: Day) -> None:
    day.tell(230)
    found = parts(enter(day.app(), "player", "payments-on-call", day.run).get("/api/runs/mine/stream?once=true").text)
    assert {p["event"] for p in found} == {"told", "view"}
    assert "payments-failures" not in str(found)


def test_what_is_handed_over_is_seen_by_both_and_by_nobody_else(day: Day) -> None:
    """Whoever had it may still do it once they are back; the deputy sees it as their own."""
    prompt = {"prompt": "failover-2", "step": "failover", "to": "incident-commander", "via": "console", "number": 2,
              "says": "All to the standby.", "expects": "perform", "handed_from": "payments-on-call"}  # fmt: skip
    done = {"prompt": "failover-2", "step": "failover", "role": "incident-commander"}
    day.tell(175)
    day.tell(230, (210, Draft("prompt.delivered", prompt)))
    app = day.app()
    players = {who: enter(app, "player", who, day.run) for who in PLAYERS}
    day.add(Draft("prompt.acknowledged", renamed(done), "incident-commander"))
    for who, browser in players.items():
        found = browser.get("/api/runs/mine").json()
        had = who != "nobody-is-asked"
        assert ("step-zq-failover#2" in {p["id"] for p in found["prompts"] if p["mine"]}) is had
        assert [book["mine"] for book in found["runbooks"]] == [True] * had
        assert any("standby" in line["text"] and line["text"].startswith("done") for line in found["lines"]) is had
        told = everything(browser)
        assert not [text for text in secrets_of(day, who, had) if text in told]


def test_a_player_whose_access_has_expired_is_told_so_and_refused(day: Day) -> None:
    day.tell(175, (170, Draft("access.expired", {"role": "payments-on-call", "until_ms": GO + 10**9, "step": "x"})))
    with answering(day):
        browser = enter(day.app(), "player", "payments-on-call", day.run)
        answer = browser.post("/api/runs/mine/ack", {"prompt": "step-zq-failover#1"})
        assert (answer.status_code, answer.json()["detail"]) == (409, "Your access has expired.")
    found = browser.get("/api/runs/mine").json()
    assert found["refused"] is True and found["away"] is False
    assert "your access has expired: what you do is refused" in {line["text"] for line in found["lines"]}


def test_a_step_of_a_runbook_that_was_left_out_waits_no_longer(day: Day) -> None:
    day.tell(230, (220, Draft("task.step_skipped", {"step": "failover", "number": 2, "why": "x"}, "facilitator")))
    found = enter(day.app(), "player", "payments-on-call", day.run).get("/api/runs/mine").json()
    assert not [p for p in found["prompts"] if p["waits"]]
    (book,) = found["runbooks"]
    assert [(t["number"], t["out_ms"] is not None, t["waits"]) for t in book["ticks"]] == [
        (1, False, False), (2, True, False), (3, False, False)
    ]  # fmt: skip
