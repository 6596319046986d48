"""One game day from the command line: what must be up before it, what follows signals, what is put away after it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from gameday.cli.screen import Display
    from gameday.clock import Clock
    from gameday.conductor.walk import Conductor, Show
    from gameday.journal.events import Draft
    from gameday.model.content import Content
    from gameday.plan import Plan
    from gameday.rehearsal.client import Rehearsal
    from gameday.wiring.findings import Checked, Line
    from gameday.wiring.sockets import Sockets

ABORTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
EMERGENCY = signal.SIGUSR1  # nobody sends it by mistake, as Ctrl-\ sends SIGQUIT
SIGNALS = (*ABORTS, EMERGENCY)


@dataclass(frozen=True)
class Wishes:
    """What was asked for on the command line."""

    scenario: str
    environment: str
    speed: float | None
    unattended: bool
    yes: bool
    plain: bool
    quiet: bool  # stdout is for JSON
    library: Path | None
    waive: tuple[str, ...] = ()
    because: str | None = None
    confirm: str | None = None  # what somebody typed to say that production is meant
    play: tuple[str, ...] = ()  # roles that persons hold, where the others are scripted
    seed: str | None = None  # of the scripted people's delays

    @property
    def scripted(self) -> bool:
        """Whether scripted people play the roles that no person holds."""
        return self.unattended or bool(self.play)


class ToldToStop(BaseException):
    """A signal, before there is a conductor.

    Not a KeyboardInterrupt: met inside ``exec`` (dataclasses use it) that ends Python by SIGINT, handled or not.
    """


class Day:
    """A context: on leaving it nothing that was begun for this run is left, but the run's folder."""

    def __init__(self, wishes: Wishes) -> None:
        self.wishes, self.stack = wishes, ExitStack()
        self.run_dir = Path()
        self.interrupts = 0
        self.told_early: int | None = None
        self.display: Display | None = None
        self.clock: Clock | None = None
        self._people: list[Draft] = []

    def __enter__(self) -> Day:
        """From here on a signal ends what was begun, and does not just kill us."""
        for number in SIGNALS:
            self.stack.callback(_restore(number, signal.signal(number, self._stop)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stack.close()
        if kind is ToldToStop:
            raise click.Abort

    def say(self, text: str) -> None:
        """A line about what goes on before and after the run."""
        with suppress(OSError):
            click.echo(text, err=self.wishes.quiet)

    def conduct(self) -> dict[str, Any]:
        """From files to verdict."""
        from gameday.conductor.walk import WorldGone
        from gameday.reports.finish import conclude

        conductor = self._begin()
        self._follow_signals(conductor)
        try:
            conductor.run()
        except WorldGone as error:
            conductor.close()
            self._end_without(str(error))
        self.stack.pop_all().close()  # the screen first, then the rehearsal, the signals last
        for place in sorted(conductor.state.levers):
            self.say(engaged_words(place, self.run_dir.name))
        found = conclude(self.run_dir)
        self._close_in_chain()
        return found

    def _close_in_chain(self) -> None:
        """How it ended, into the chain of runs. What cannot be written there now is when the next run begins."""
        from gameday.errors import GamedayError
        from gameday.evidence.chain import close_runs
        from gameday.library import workspace_or_here

        try:
            close_runs(workspace_or_here())
        except (GamedayError, OSError) as error:
            self.say(str(error))

    def _end_without(self, why: str) -> None:
        """The rehearsal is no more: end what it left of its processes, and the run. The screen first, the locks too."""
        from gameday.library import workspace_or_here
        from gameday.wiring.recovering import recover

        self.stack.pop_all().close()
        self.say(f"{why[0].upper()}{why[1:]}: ending what it left of its processes, and the run ...")
        recover(workspace_or_here(), self.run_dir)

    def check(self) -> Checked:
        """Preflight alone: what a run would show before its go. Nothing is journalled."""
        _, _, _, _, checked = self._ready()
        return checked

    # ---- before
    def _begin(self) -> Conductor:
        from gameday.clock import wall_ms
        from gameday.wiring.approving import check_approved
        from gameday.wiring.starting import begin

        root, plan, filled, rehearsal, checked = self._ready(lambda root, plan: check_approved(root, plan, wall_ms()))
        checked.stop_if_not_ready()
        by = self._go(plan)
        conductor, lock = begin(root, plan, filled, rehearsal, unattended=self.wishes.scripted, go_by=by,
                                checked=[*checked.drafts(), *self._people], clock=self.clock,
                                library=self.wishes.library,
                                approved_by=[a.by.role for a in check_approved(root, plan, wall_ms())],
                                show=lambda run_dir, clock: self._show(plan, run_dir, clock))  # fmt: skip
        self.stack.callback(lock.release)
        return conductor

    def _ready(
        self, approved: Callable[[Path, Plan], object] = lambda root, plan: None
    ) -> tuple[Path, Plan, Sockets, Rehearsal | None, Checked]:
        """Everything up, planned and looked at; ``approved`` is asked before preflight, and raises when it is not."""
        from gameday.cli.prepare import checked_content, scenario_id
        from gameday.library import workspace_or_here
        from gameday.model.workspace import REHEARSAL
        from gameday.planning import build_plan
        from gameday.planning.case import open_case
        from gameday.wiring.locks import lock_service
        from gameday.wiring.played import registered
        from gameday.wiring.rehearsing import DEFAULT_SPEED, NOBODY, alone
        from gameday.wiring.sockets import sockets
        from gameday.wiring.starting import clock_of

        wishes, root = self.wishes, workspace_or_here()
        content = checked_content(wishes.scenario, wishes.library)
        case = open_case(content, scenario_id(content, wishes.scenario), wishes.environment)
        self.stack.callback(lock_service(root, wishes.environment, case.service.id).release)
        self._recover(root)
        rehearsed = wishes.environment == REHEARSAL
        if rehearsed and alone(content, case.scenario.id):
            rehearsal, clock = None, clock_of(None, wishes.speed or DEFAULT_SPEED)
        else:
            rehearsal = self._rehearse(content, root, case.service.id) if rehearsed else None
            clock = clock_of(rehearsal)
        endpoint = rehearsal.endpoint if rehearsal else NOBODY if rehearsed else None
        self.clock = clock
        channels = content.workspace.model.channels if content.workspace else {}
        filled = sockets(case.environment, endpoint, clock, channels)
        self._tell_leftovers(root, wishes.environment, filled)
        plan = build_plan(content, case.scenario.id, wishes.environment, filled.faults)
        self._people = registered(plan, content, wishes.play, wishes.seed)
        approved(root, plan)
        return root, plan, filled, rehearsal, self._preflight(content, root, plan, filled, rehearsal, clock)

    def _preflight(
        self, content: Content, root: Path, plan: Plan, filled: Sockets, rehearsal: Rehearsal | None, clock: Clock
    ) -> Checked:
        from gameday.clock import to_datetime
        from gameday.wiring.findings import asked_waivers, filed_waivers
        from gameday.wiring.preflight import Bench, preflight
        from gameday.wiring.readying import workspace_checks

        by = "unattended" if self.wishes.unattended else "facilitator"
        waivers = asked_waivers(self.wishes.waive, self.wishes.because, by)
        waivers += filed_waivers(content, plan.scenario, plan.environment, to_datetime(clock.wall()).date())
        more = workspace_checks(content, unattended=self.wishes.unattended)
        checked = preflight(
            plan, filled, clock, bench=Bench(root, rehearsal), waivers=waivers, show=self._check_line, more=more
        )
        for finding in checked.findings:
            if finding.waived or finding.problem.severity != "error":
                mark = f"\n    waived by {finding.waived.by}: {finding.waived.because}" if finding.waived else ""
                self.say(f"{finding.problem}{mark}")
        return checked

    def _check_line(self, line: Line) -> None:
        self.say(f"preflight  {line.result:8}  {line.name}" + (f": {line.said}" if line.said else ""))

    def _recover(self, root: Path) -> None:
        """What a dead conductor left is taken back before anything new is broken."""
        from gameday.cli.recover import recover_all
        from gameday.model.workspace import REHEARSAL

        for found in recover_all(root, self.say, locked=self.wishes.environment == REHEARSAL):
            if not found.clean:
                from gameday.errors import could_not_start

                write = f"gameday recover {found.run}, and see its report"
                raise could_not_start("LEFTOVERS", f"run {found.run} left something behind: {found.said}", write)

    def _tell_leftovers(self, root: Path, environment: str, filled: Sockets) -> None:
        from gameday.wiring.sweeping import told_at_start

        for line in told_at_start(root, environment, filled):
            self.say(line)

    def _rehearse(self, content: Content, root: Path, service: str) -> Rehearsal:
        from gameday.wiring.rehearsing import open_rehearsal

        self.say("Starting the rehearsal: a loopback AWS, and the processes of the service ...")
        found = open_rehearsal(root, content, service, self.wishes.speed)
        if not found.kept:
            self.stack.callback(found.down)
        return found

    def _go(self, plan: Plan) -> str:
        """Who says go. Asked for where somebody is there to say it; production is confirmed by typing its scenario."""
        wishes = self.wishes
        asked = sys.stdin.isatty() and not wishes.unattended
        if plan.environment_definition.production:
            self._confirm(plan, asked)
        if wishes.yes or not asked:
            return "facilitator" if wishes.yes else "unattended"
        tolerances = ", ".join(f"{t.id} {t.comparator} {t.limit_text()}" for t in plan.tolerances)
        self.say(
            f"\n{plan.title}\n  in {plan.environment.upper()}, on {plan.service_title}\n  tolerances: {tolerances}"
        )
        click.confirm("Go?", abort=True, err=wishes.quiet)
        return "facilitator"

    def _confirm(self, plan: Plan, asked: bool) -> None:
        """``--yes`` does not stand for it: whoever breaks production has typed what they break."""
        from gameday.errors import could_not_start

        typed = self.wishes.confirm
        if typed is None and asked:
            self.say(f"{plan.environment.upper()} IS PRODUCTION, account {plan.environment_definition.account}.")
            typed = click.prompt(f"Type {plan.scenario} to go on", err=self.wishes.quiet)
        if typed != plan.scenario:
            said = "nobody confirmed it" if typed is None else f"{typed!r} is not {plan.scenario!r}"
            write = f"--confirm {plan.scenario}"
            raise could_not_start("CONFIRMATION_MISSING", f"{plan.environment} is production, and {said}", write)

    def _show(self, plan: Plan, run_dir: Path, clock: Clock) -> Show:
        from gameday.cli.screen import open_display
        from gameday.conductor.guards import used_share

        self.run_dir, wishes = run_dir, self.wishes
        stream = sys.stderr if wishes.quiet else sys.stdout
        self.display = open_display(plan, clock, run_dir, unattended=wishes.unattended, plain=wishes.plain,
                                    stream=stream, used_share=used_share)  # fmt: skip
        self.stack.callback(self.display.close)
        return self.display.event

    # ---- meanwhile
    def _follow_signals(self, conductor: Conductor) -> None:
        """Ctrl-C, Ctrl-\\, SIGTERM, SIGHUP and a closed terminal all abort with undo; SIGUSR1 is an emergency."""

        def told(number: int, frame: FrameType | None) -> None:
            if number == EMERGENCY:
                conductor.ask_emergency("SIGUSR1")
                return
            self.interrupts += 1
            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
            if self.interrupts == 1:
                conductor.ask_abort(name)
            else:
                self._still_active(conductor)

        for number in SIGNALS:
            signal.signal(number, told)
        if self.told_early is not None:  # and whatever ran then had swallowed it
            told(self.told_early, None)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Before there is a conductor: unwind. No ``except Exception`` on the way may make the run go on."""
        self.told_early = number
        raise ToldToStop

    def _still_active(self, conductor: Conductor) -> None:
        if self.display is not None:
            self.display.close()  # what is printed while the live screen is up is lost with it
        active = [step for step, fault in conductor.state.faults.items() if not fault.clean]
        what = ", ".join(active) or "nothing that was injected"
        self.say(f"\nStill active: {what}. It is being taken back; wait. Should this end before it is: gameday recover "
                 f"{self.run_dir.name}")  # fmt: skip


def engaged_words(place: str, run: str) -> str:
    """What everybody in the account must know."""
    return (f"\nTHE FIS SAFETY LEVER OF {place} IS ENGAGED. No FIS experiment of anybody runs or begins there until a "
            f"person releases it: gameday emergency --release --run {run}")  # fmt: skip


def _restore(number: int, before: Any) -> Callable[[], None]:
    return lambda: void(signal.signal(number, before))


def void(_: object) -> None:
    """Nothing."""
