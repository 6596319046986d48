"""The envelope at the door of a worker: extensions reach AWS with botocore sessions of their own, so every session that
is made in the process asks before a call leaves (design: run, "Safety", 9).

What an extension calls is its own secret, so calls are held against account and Region, as for a fault that does not
say its calls. Roles are looked at too: a role of another account would take calls there whose names show nothing. It
stops honest code that goes astray, as the guard of a rehearsal does: code that signs requests by itself is not seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import wraps
from typing import Any

from gameday.aws_envelope import Door, outside
from gameday.errors import Problem, Refused
from gameday.model.workspace import Environment

AT = "before-parameter-build"


class WorkerDoor:
    """What may leave this process, and what was refused. ``allow`` changes the environment for the next job."""

    def __init__(self) -> None:
        self.refused: list[Problem] = []
        self._door: Door | None = None

    def allow(self, environment: Mapping[str, Any]) -> None:
        """From now on calls are held against this environment (its definition, as JSON)."""
        self._door = Door(Environment.model_validate_json(json.dumps(environment)))

    def stand(self) -> None:
        """In each botocore session that is made from now on, for as long as this process lives."""
        from botocore.session import Session

        made = Session.__init__

        @wraps(made)
        def with_door(session: Any, *args: Any, **keys: Any) -> None:
            made(session, *args, **keys)
            session.get_component("event_emitter").register_last(AT, self._leaves)

        Session.__init__ = with_door  # an extension makes sessions itself, in any way

    def _leaves(self, params: Any, model: Any, context: Any = None, **_: Any) -> None:
        """A botocore handler, after all others that may change the parameters: Refused for what must not leave."""
        if self._door is None:
            return
        try:
            service, region = model.service_model.service_name, (context or {}).get("client_region")
            _role(self._door.environment, service, model.name, params)
            self._door.ask(service, model.name, region, params)
        except Refused as error:
            self.refused += error.problems
            raise


def _role(environment: Environment, service: str, operation: str, params: Mapping[str, Any]) -> None:
    if service != "sts" or not operation.startswith("AssumeRole"):
        return
    if found := outside(str(params.get("RoleArn", "")), environment):
        message = f"{service} {operation} was not sent: it names {found}"
        raise Refused(Problem("ENVELOPE_ACCOUNT", message, "a role of the environment's accounts"))
