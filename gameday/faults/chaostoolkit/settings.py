"""What a scenario says of a Chaos Toolkit activity: the provider as an experiment writes it, and references to secrets.

``run_experiment`` is not used: its rollbacks are skipped when they are needed (facts: chaostoolkit, 1.4 and 1.6).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from gameday.model.activity import Module, Name, Secrets
from gameday.model.types import Duration, Id, Strict, Text, Tree

ACTION_WITHIN_MS = 60_000
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class Activity(Strict):
    """What every provider has. ``timeout`` is wall time: it limits a process, not the scenario."""

    timeout: Duration = ACTION_WITHIN_MS
    configuration: Tree = {}
    secrets: Secrets = {}


class PythonActivity(Activity):
    """A function of an installed extension."""

    type: Literal["python"] = "python"
    module: Module
    func: Name
    arguments: Tree = {}

    @property
    def action(self) -> str:
        """The name under which an envelope allows it."""
        return f"chaostoolkit:{self.module}.{self.func}"


class ProcessActivity(Activity):
    """A program with its arguments, one by one; never a shell. A status that is not 0 fails."""

    type: Literal["process"]
    path: Text
    arguments: tuple[Text, ...] = ()

    @property
    def action(self) -> str:
        """The name under which an envelope allows it."""
        return f"chaostoolkit:process:{self.path}"


class HttpActivity(Activity):
    """One HTTP request; an answer that is not ``expected_status`` (any below 400, without it) fails."""

    type: Literal["http"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$", max_length=2_000)]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"] = "GET"
    headers: dict[str, str] = {}
    arguments: Tree = {}
    expected_status: int | None = None

    @property
    def action(self) -> str:
        """The name under which an envelope allows it."""
        return f"chaostoolkit:{self.method}:{self.url}"


AnyActivity = PythonActivity | ProcessActivity | HttpActivity


def _provider_tag(value: Any) -> Any:
    found = value.get("type", "python") if isinstance(value, Mapping) else getattr(value, "type", None)
    return found if isinstance(found, str) else None


Provider = Annotated[
    Annotated[PythonActivity, Tag("python")]
    | Annotated[ProcessActivity, Tag("process")]
    | Annotated[HttpActivity, Tag("http")],
    Discriminator(
        _provider_tag,
        custom_error_type="provider_unclear",
        custom_error_message="a provider is of type python, process or http; write type: python",
    ),
]


class ChaosSettings(Strict):
    """The keys of a step ``fault: chaostoolkit``. ``configuration`` and ``secrets`` hold for action and undo alike.

    ``background``: the action works for as long as the fault lasts; the fault ends with its process.
    """

    provider: Provider
    undo: Provider | None = None
    configuration: Tree = {}
    secrets: Secrets = {}
    background: bool = False
    targets: tuple[Id, ...] = ()

    @model_validator(mode="after")
    def _variables_exist(self) -> ChaosSettings:
        for activity in self.activities():
            unknown = sorted(variables(activity) - {*self._shared(), *activity.configuration, *activity.secrets})
            if unknown:
                what = f"${{{unknown[0]}}} stands for nothing: Chaos Toolkit would pass it on as it is"
                raise ValueError(f"{what}; write configuration: {{{unknown[0]}: ...}}")
        return self

    def _shared(self) -> Iterator[str]:
        yield from self.configuration
        yield from self.secrets

    def activities(self) -> tuple[AnyActivity, ...]:
        """The action, and its undo where there is one."""
        return (self.provider, self.undo) if self.undo else (self.provider,)


def variables(activity: AnyActivity) -> set[str]:
    """Names that ``${name}`` uses in what Chaos Toolkit substitutes."""
    texts: list[Any] = [activity.arguments]
    if isinstance(activity, HttpActivity):
        texts += [activity.url, activity.headers]
    return {name for text in _texts(texts) for name in _VARIABLE.findall(text)}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(tuple(value.values()))
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)
