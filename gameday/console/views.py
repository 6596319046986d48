"""What each role is shown, as models: the JSON of the API, the data of the stream, and what the pages draw.

A player gets a :class:`PlayerView`, everybody else a :class:`WatchView`. Times (``*_ms``) are scenario time, UTC
milliseconds; ``since_go`` is such a time in words (``+04:05``). Words a person wrote are one line of plain text.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from gameday.clock import Ms
from gameday.console.access import Role

RunStatus = Literal["opening", "running", "held", "aborting", "ended", "not conducted"]


class View(BaseModel):
    """What all of them share: they are made once and not changed."""

    model_config = ConfigDict(frozen=True)


class Head(View):
    """What stands on top of every page of a run. ``run`` and ``title`` are None for a player: they tell what comes."""

    ref: str  # the run in addresses: ``mine`` for whom one run is open, else its id
    run: str | None
    title: str | None
    service: str
    environment: str
    banner: str  # REHEARSAL, STAGING ..., PRODUCTION: on screen all the time
    production: bool
    speed: float
    phase: str | None  # preflight | baseline | execute | restore | verify | ended
    status: RunStatus
    ended: str | None  # completed | aborted | failed
    go_ms: Ms | None  # of the go; before it, of the expected one
    gone: bool  # whether the go was
    now_ms: Ms  # when this was made; it goes on at ``speed`` unless the run has ended
    held_since_ms: Ms | None
    seq: int  # of the last event that is in it
    role: Role
    who: str
    may: tuple[str, ...]  # actions that are open to this role in this run now


class Line(View):
    """One line of the merged timeline."""

    seq: int
    at_ms: Ms
    since_go: str
    kind: str  # RUN PHASE STEP FAULT PROMPT TASK PEOPLE ALARM DATA GUARD HOLD UNDO ABORT NOTE REFUSED
    text: str
    tone: Literal["", "good", "warn", "bad"]


class PromptView(View):
    """Something that was put before a person. ``waits`` while it can be acknowledged; ``due_ms`` is told to those who
    run and score the day, not to players."""

    id: str
    step: str
    to: str
    expects: str  # acknowledge | answer | perform | none
    number: int | None  # of the runbook's step
    says: str
    delivered_ms: Ms
    since_go: str
    due_ms: Ms | None
    done_ms: Ms | None
    done_by: str | None
    waits: bool
    mine: bool  # put before the role that looks


class TickView(View):
    """One step of a runbook under test. ``prompt`` is what is acknowledged to tick it, None before its turn."""

    number: int
    says: str
    done_ms: Ms | None
    out_ms: Ms | None  # when it was left out
    checked: bool | None  # its check held, did not hold, or there was none yet
    prompt: str | None
    waits: bool


class RunbookView(View):
    """A runbook that is followed now or was."""

    step: str  # of the timeline
    title: str
    by: str
    mine: bool
    ticks: tuple[TickView, ...]


class StepView(View):
    """One step of the timeline. ``starts`` says when it will, in words; ``due_ms`` is its limit once it runs."""

    id: str
    kind: str  # fault | expect | inject | question | task | unavailable | silent | access | channel
    title: str
    to: str | None
    status: str  # pending | running | ended
    result: str | None  # done | met | missed | failed | skipped | expired | withdrawn
    why: str | None
    starts: str
    planned_ms: Ms | None  # offset from the go
    started_ms: Ms | None
    ended_ms: Ms | None
    due_ms: Ms | None
    says: str | None
    expects: str | None
    score: str | None  # how an evaluator saw it performed


class FaultView(View):
    """One injected fault, and by whom its effect and its end were seen."""

    step: str
    title: str
    word: str  # REQUESTED ... ACTIVE ... GONE
    tone: Literal["", "good", "warn", "bad"]
    detail: str
    effective_ms: Ms | None
    ends_ms: Ms | None  # when it ends by itself
    gone_ms: Ms | None


class AlarmView(View):
    """The last state of an alarm that is watched."""

    signal: str
    state: str
    since_ms: Ms | None


class GaugeView(View):
    """One tolerance so far. ``lo``, ``hi``, ``guard`` and ``so_far`` are shares of the limit (1.0 is the limit);
    ``hi`` None is open, and then ``so_far`` may be used by now; ``lo`` None: nothing was measured."""

    id: str
    authority: str
    lo: float | None
    hi: float | None
    so_far: float | None
    guard: float | None
    word: str  # so far | within | breached | inconclusive
    text: str
    codes: tuple[str, ...]


class SignalView(View):
    """What a chart of one signal needs. ``points`` are [start_ms, value or null], of buckets of ``period_ms``."""

    id: str
    means: str
    unit: str
    period_ms: Ms
    settles_ms: Ms
    points: tuple[tuple[Ms, float | None], ...]


class MarkView(View):
    """What is marked in charts: from when until when; ``to_ms`` None goes on."""

    kind: Literal["fault", "hold", "undo", "disturbed"]
    label: str
    from_ms: Ms
    to_ms: Ms | None


class SignalsView(View):
    """All charts of a run."""

    seq: int
    signals: tuple[SignalView, ...]
    marks: tuple[MarkView, ...]


class PlayerView(View):
    """What a player sees: what was put before them, and what they did. Never what comes."""

    kind: Literal["player"] = "player"
    head: Head
    prompts: tuple[PromptView, ...]  # newest first; those that wait before all others
    runbooks: tuple[RunbookView, ...]
    away: bool  # the role is said to be unavailable now
    refused: bool  # its access has expired: what it does is refused
    lines: tuple[Line, ...]


class WatchView(View):
    """What those see who run, score or watch the day. ``steps`` holds what is to come for facilitator and evaluator;
    for a reader only what has begun, until the run has ended."""

    kind: Literal["watch"] = "watch"
    head: Head
    prompts: tuple[PromptView, ...]
    runbooks: tuple[RunbookView, ...]
    steps: tuple[StepView, ...]
    faults: tuple[FaultView, ...]
    alarms: tuple[AlarmView, ...]
    lines: tuple[Line, ...]


class RunRow(View):
    """One line of the list of runs."""

    ref: str
    run: str
    title: str
    service: str
    banner: str
    status: str
    opened: str  # when, UTC
    outcome: str | None  # of verdict.json
    live: bool


class ToleranceView(View):
    """One impact tolerance of a service."""

    id: str
    authority: str
    metric: str
    limit: str
    harm: str | None
    rationale: str | None
    approved: str | None


class ServiceView(View):
    """An important business service of the workspace."""

    id: str
    title: str
    tolerances: tuple[ToleranceView, ...]
    scenarios: tuple[str, ...]


class PlanView(View):
    """The plan of a run: the whole timeline before anything began."""

    ref: str
    title: str
    service: str
    environment: str
    hypothesis: str
    method: str
    baseline_ms: Ms
    max_duration_ms: Ms
    steps: tuple[StepView, ...]
    guards: tuple[str, ...]
    roles: tuple[str, ...]
    debrief: tuple[str, ...]


class ReportView(View):
    """The report of a run as Markdown, whose words of people are escaped already; None before the run has ended."""

    ref: str
    outcome: str | None
    markdown: str | None
