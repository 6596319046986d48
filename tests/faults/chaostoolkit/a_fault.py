"""Orders and notes, as the conductor gives them to the provider."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter

from gameday.faults.chaostoolkit.fault import ChaosFault
from gameday.faults.chaostoolkit.settings import ChaosSettings
from gameday.model.types import Tree
from gameday.model.workspace import REHEARSAL_ENVIRONMENT
from gameday.protocols import Order, ProviderStatus, Trace

NOWHERE = "http://127.0.0.1:9"
ACTIONS = "tests.faults.chaostoolkit.actions"
MINUTE = 60_000
MADE: list[ChaosFault] = []


def settings(**keys: Any) -> dict[str, Any]:
    """The keys of a step as the plan keeps them."""
    checked = ChaosSettings.model_validate(TypeAdapter(Tree).validate_python(keys))
    kept: dict[str, Any] = TypeAdapter(Tree).validate_python(checked.model_dump(mode="json", by_alias=True))
    return kept


def order(lasts: int | None = 5 * MINUTE, step: str = "s", **keys: Any) -> Order:
    """An order for a step with these keys."""
    found = settings(**keys)
    action = ChaosSettings.model_validate(found).provider.action
    return Order("run-1", step, "token-1", action, found, {}, lasts, REHEARSAL_ENVIRONMENT)


def python(func: str, module: str = ACTIONS, **keys: Any) -> dict[str, Any]:
    """A Python provider; further keys are its own."""
    return {"type": "python", "module": module, "func": func, **keys}


class Notes(list[Trace]):
    """What a start has said of itself."""

    def __call__(self, facts: Trace) -> None:
        self.append(dict(facts))


def provider(endpoint: str | None = NOWHERE) -> ChaosFault:
    """In rehearsal, unless told otherwise."""
    MADE.append(ChaosFault(REHEARSAL_ENVIRONMENT, endpoint))
    return MADE[-1]


def end_watchdogs() -> None:
    """Of faults that a test has left in place."""
    for fault in MADE:
        for keeping in fault._keeping.values():
            keeping.end()
    MADE.clear()


def stop(fault: ChaosFault, trace: Trace) -> ProviderStatus:
    """One stop."""
    return fault.stop(dict(trace))
