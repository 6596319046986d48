"""Faults through any action of any Chaos Toolkit extension.

start is the action, stop is the declared undo. All that undo needs is on the ledger before the action begins, so that
another process can undo it after a crash; secrets are there as references alone. An undo may run more than once (a
crash may come between it and its record), so it must bear that. The action runs once: it is never sent again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel

from gameday.errors import CouldNotStart, GamedayError, Problem, Refused
from gameday.faults.chaostoolkit.keeper import Keeping
from gameday.faults.chaostoolkit.outline import outline
from gameday.faults.chaostoolkit.settings import AnyActivity, ChaosSettings
from gameday.faults.chaostoolkit.working import Working, environ_of, job_of, kill_group, names_in
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.protocols import Fault, Note, Order, Outline, Outlines, Preview, ProviderStatus, Trace

NOTHING_LEFT = "nothing was started"
Key = tuple[str, str]


class ActionFailed(GamedayError):
    """The action said no, or did not end in time; the fault may be there all the same: undo it."""


class ChaosFault:
    """The ``chaostoolkit`` provider. ``endpoint`` is the loopback AWS of a rehearsal: then no worker leaves loopback.

    ``aws_is_gone``: the rehearsal has ended, so what an undo wanted to ask of its AWS is gone with it.
    """

    name = "chaostoolkit"
    settings: type[BaseModel] = ChaosSettings

    def __init__(self, environment: Environment, endpoint: str | None, *, aws_is_gone: bool = False) -> None:
        self._environment = environment
        self._endpoint = endpoint
        self._aws_is_gone = aws_is_gone
        self._lock = threading.Lock()
        self._working: dict[Key, Working] = {}
        self._keeping: dict[Key, Keeping] = {}
        self._undoing: set[Key] = set()
        self._undone: set[Key] = set()

    def outline(
        self, step: str, settings: BaseModel, targets: Sequence[Technology], environment: Environment
    ) -> Outline:
        """What will be done. CouldNotStart when the undo lies outside the envelope, which its name must fit too."""
        return outline(step, ChaosSettings.model_validate(settings.model_dump(by_alias=True)), targets, environment)

    def preview(self, order: Order) -> Sequence[Problem]:
        """What would refuse the action or its undo at once: a module that is missing, a secret that is not set."""
        return list(self._missing(ChaosSettings.model_validate(order.settings)))

    def _missing(self, settings: ChaosSettings) -> Iterator[Problem]:
        from gameday.faults.chaostoolkit.check import not_installed, not_set

        for activity in settings.activities():
            yield from not_installed(activity, "error")
        yield from not_set(settings)
        if self._endpoint and any(a.type == "process" for a in settings.activities()):
            what = "in rehearsal no program is started: it could not be kept on loopback"
            yield Problem("CHAOS_PROCESS", what, "type: python or type: http, or --environment NAME")

    def start(self, order: Order, note: Note) -> Trace:
        """Run the action. ActionFailed when it fails, is late or dies: then it is unknown how far it came. Refused when
        it asked for a call outside the envelope, which was not sent; others may have been before."""
        settings = ChaosSettings.model_validate(order.settings)
        refused = [p for p in self._missing(settings) if p.severity == "error"]
        if refused:
            raise CouldNotStart(refused)
        trace = self._trace(order, settings)
        note(dict(trace))
        job = self._job(settings, settings.provider)
        key, working = (order.run, order.step), self._worker(job)
        with self._lock:
            self._working[key] = working
        try:
            trace["worker"] = working.identity
            if "undo" in trace:
                trace["keeper"] = self._keep(key, trace["undo"], order.duration_ms)
            note(dict(trace))
            self._act(key, working, job, settings)
        except BaseException:
            self._end_worker(key)
            raise
        return trace

    def _trace(self, order: Order, settings: ChaosSettings) -> Trace:
        trace = {"run": order.run, "step": order.step, "token": order.token, "action": settings.provider.action,
                 "ends": _ends(order, settings), "rehearsal": str(self._endpoint is not None).lower()}  # fmt: skip
        if settings.undo:
            trace["undo"] = self._job(settings, settings.undo)
        return trace

    def _job(self, settings: ChaosSettings, activity: AnyActivity) -> str:
        loopback = self._endpoint is not None
        return job_of(activity, settings.configuration, settings.secrets, loopback, self._environment)

    def _keep(self, key: Key, job: str, lasts_ms: int | None) -> str:
        """Set a watchdog, before anything is broken; returns its identity."""
        keeping = Keeping(job, environ_of(self._environment, self._endpoint, names_in(job)), lasts_ms)
        with self._lock:
            self._keeping[key] = keeping
        return keeping.identity

    def _worker(self, job: str) -> Working:
        return Working(environ_of(self._environment, self._endpoint, names_in(job)))

    def _act(self, key: Key, working: Working, job: str, settings: ChaosSettings) -> None:
        if settings.background:
            working.begin(job)
            return
        answer = working.ask(job, settings.provider.timeout / 1000)
        if answer.refused:
            raise Refused(answer.refused)
        if not answer.ok:
            message = f"{settings.provider.action} failed: {answer.error}"
            raise ActionFailed(Problem("CHAOS_ACTION_FAILED", message, "correct what the action says; it is undone"))
        with self._lock:
            self._working.pop(key, None)
        working.close()

    def poll(self, trace: Trace) -> ProviderStatus:
        """Active until its undo; one that works in the background is over when its process is."""
        if trace.get("ends") == "at once":
            return ProviderStatus("ended", "it was over at once")
        working = self._working.get((trace["run"], trace["step"]))
        if trace.get("ends") == "with its process" and not (working and working.alive):
            return ProviderStatus("ended", "its process has ended")
        return ProviderStatus("active", "its action has succeeded")

    def stop(self, trace: Trace) -> ProviderStatus:
        """End what still runs of it, and undo it. Clean once the undo has succeeded, or none was needed; else unknown,
        to be asked again. Idempotent as far as the undo is."""
        key = (trace["run"], trace["step"])
        with self._lock:
            if key in self._undone:
                return ProviderStatus("ended", "it was undone", clean=True)
            if key in self._undoing:
                return ProviderStatus("unknown", "its undo is still under way")
            self._undoing.add(key)
        try:
            status = self._stop(key, trace)
            if status.clean:
                self._end_watch(key, trace)
            return status
        finally:
            with self._lock:
                self._undoing.discard(key)

    def _stop(self, key: Key, trace: Trace) -> ProviderStatus:
        if "action" not in trace:
            return ProviderStatus("ended", NOTHING_LEFT, clean=True)
        if (self._endpoint is not None) != (trace.get("rehearsal") == "true"):
            return ProviderStatus("unknown", "it was started in another environment than this one")
        self._end_worker(key)
        kill_group(trace.get("worker", ""))
        if "undo" in trace:
            return self._undo(key, trace["undo"])
        if trace.get("ends") == "with the step":
            return ProviderStatus("unknown", "no undo was declared, so nobody knows whether it is gone")
        return ProviderStatus("ended", f"it ended {trace.get('ends')}", clean=True)

    def _undo(self, key: Key, job: str) -> ProviderStatus:
        working = self._worker(job)
        try:
            answer = working.ask(job, json.loads(job)["activity"]["timeout"] / 1000)
        finally:
            working.close()
        if not answer.ok and self._aws_is_gone and urlsplit(self._endpoint or "").netloc in answer.reached:
            return ProviderStatus("ended", "the AWS of its rehearsal is gone", clean=True)
        if not answer.ok:
            return ProviderStatus("unknown", f"its undo failed: {answer.error}")
        with self._lock:
            self._undone.add(key)
        return ProviderStatus("ended", "it was undone", clean=True)

    def _end_watch(self, key: Key, trace: Trace) -> None:
        """No watchdog undoes any more: it could undo the same fault of a later run."""
        with self._lock:
            keeping = self._keeping.pop(key, None)
        if keeping:
            keeping.end()
        else:
            kill_group(trace.get("keeper", ""))

    def _end_worker(self, key: Key) -> None:
        with self._lock:
            working = self._working.pop(key, None)
        if working:
            working.kill()
            working.close()


def _ends(order: Order, settings: ChaosSettings) -> str:
    if settings.background:
        return "with its process"
    return "at once" if order.duration_ms is None else "with the step"


if TYPE_CHECKING:  # mypy proves here that the provider fits its sockets

    def _fits(fault: ChaosFault) -> tuple[Fault, Outlines, Preview]:
        return fault, fault, fault
