"""``gameday`` for those who use ``chaos run``: a control that judges an experiment, and a probe.

The control opens a run's folder, samples the observers of a service while the experiment goes on, and judges its
tolerances at the end. The verdict is in that folder (verdict.json, report.md) and in Chaos Toolkit's own journal, as
``gameday``. An experiment that breached a tolerance has deviated. Nothing of Chaos Toolkit is imported here.

Chaos Toolkit drops what a control raises. So whatever goes wrong is in its journal as the outcome ``not tested``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gameday.wiring.watching import Watching

__all__ = ["tolerance_held"]

LOG = logging.getLogger("chaostoolkit")
_NOT_BEGUN = "no experiment was begun under this control"


class _Control:
    """The one experiment of this process; chaoslib, too, knows only one at a time."""

    watching: Watching | None = None
    wrong: str = _NOT_BEGUN


def before_experiment_control(
    context: Mapping[str, Any],
    service: str,
    environment: str = "rehearsal",
    workspace: str = ".",
    observe: tuple[str, ...] = (),
    baseline: str = "10m",
    effective: Mapping[str, Any] | None = None,
    gone: Mapping[str, Any] | None = None,
    **_: Any,
) -> None:
    """Open the run. ``effective`` and ``gone`` are conditions, as in a scenario: what shows that the first action had
    an effect, and that it is gone."""
    from gameday.exchange.chaostoolkit import Watch
    from gameday.wiring.watching import begin_watching

    watch = Watch(service, tuple(observe), baseline, effective, gone)
    _Control.watching, _Control.wrong = None, ""

    def begin() -> None:
        _Control.watching = begin_watching(Path(workspace).resolve(), environment, context, watch)

    _try(begin)


def before_method_control(**_: Any) -> None:
    """Wait until the baseline is over: without one nothing can be judged."""
    _tell(lambda watching: watching.baseline())


def before_activity_control(context: Mapping[str, Any], **_: Any) -> None:
    """An action of the method is about to begin."""
    _tell(lambda watching: watching.asked(str(context.get("name"))))


def after_activity_control(context: Mapping[str, Any], state: Mapping[str, Any], **_: Any) -> None:
    """It has ended, well or not."""
    _tell(lambda watching: watching.answered(str(context.get("name")), state))


def before_rollback_control(**_: Any) -> None:
    """From now on activities undo."""
    _tell(lambda watching: watching.rolling_back())


def after_rollback_control(state: Any, **_: Any) -> None:
    """The faults are taken back, if every rollback has succeeded."""
    _tell(lambda watching: watching.rolled_back(state or ()))


def after_experiment_control(state: dict[str, Any], **_: Any) -> None:
    """Watch the service recover, judge, and say so in the journal."""
    found: dict[str, Any] = {}

    def judge(watching: Watching) -> None:
        found.update(watching.judge(str(state.get("status"))))

    _tell(judge)
    state["gameday"] = found or {"outcome": "not tested", "error": _Control.wrong}
    state["deviated"] = bool(state.get("deviated")) or found.get("outcome") in ("breached", "unsafe")


def _tell(what: Callable[[Watching], None]) -> None:
    watching = _Control.watching
    if watching is not None and not _Control.wrong:
        _try(lambda: what(watching))


def _try(what: Callable[[], None]) -> None:
    try:
        what()
    except Exception as error:  # noqa: BLE001  # Chaos Toolkit would drop it; so it is kept for the journal
        _Control.wrong = f"{type(error).__name__}: {error}"
        LOG.error("gameday cannot judge this experiment: %s", _Control.wrong)


def tolerance_held(
    service: str, tolerance: str, environment: str = "rehearsal", workspace: str = ".", window: str = "30m"
) -> bool:
    """A probe: whether this tolerance was shown to be held in the last while. What is inconclusive was not shown, so it
    is False. Needs observers that keep their history, as CloudWatch does."""
    from gameday.wiring.watching import judge_past

    found = judge_past(Path(workspace).resolve(), environment, service, tolerance, window)
    LOG.info("%s: %s %s", tolerance, found["verdict"], " ".join(found["codes"]))
    return bool(found["verdict"] == "within")
