"""FIS's API errors: the loopback AWS refuses calls that a role makes (AWS FIS actions reference, "AWS FIS actions").

Whose a call is, is known by its credentials: those that AssumeRole gave are the role's. The rehearsal's other calls,
the operator's among them, are made with other ones and pass.
"""

from __future__ import annotations

from random import Random
from threading import Lock

from gameday.rehearsal.asking import Asked
from gameday.rehearsal.metric_store import AwsError

INTERNAL = "aws:fis:inject-api-internal-error"
THROTTLE = "aws:fis:inject-api-throttle-error"
UNAVAILABLE = "aws:fis:inject-api-unavailable-error"
ACTIONS = (INTERNAL, THROTTLE, UNAVAILABLE)
ERRORS: dict[tuple[str, str], tuple[str, int]] = {  # FIS does it for these two services alone
    ("ec2", INTERNAL): ("InternalError", 500),
    ("ec2", THROTTLE): ("RequestLimitExceeded", 503),
    ("ec2", UNAVAILABLE): ("Unavailable", 503),
    ("kinesis", INTERNAL): ("InternalFailure", 500),
    ("kinesis", THROTTLE): ("ThrottlingException", 400),
    ("kinesis", UNAVAILABLE): ("ServiceUnavailable", 503),
}
Rule = tuple[str, tuple[str, ...], str, tuple[str, ...], int]  # action, roles, service, operations, percentage


def role_of(access_key: str) -> str | None:
    """The ARN of the role whose session has this key; None when it is none's. moto lives in this process."""
    from moto.sts.models import sts_backends

    held = [backends["aws"].get_assumed_role_from_access_key(access_key) for backends in list(sts_backends.values())]
    return next((str(role.role_arn) for role in held if role is not None), None)


class ApiErrors:
    """The actuator of these actions, and what it refuses now."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._random, self._lock = Random(5), Lock()

    def start(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """ValueError for a service that FIS does not do it for."""
        rule = _rule(action_id, targets, parameters)
        if (rule[2], action_id) not in ERRORS:
            served = ", ".join(sorted({service for service, _ in ERRORS}))
            raise ValueError(f"FIS injects API errors for {served}, not for {rule[2]}")
        with self._lock:
            self.rules.append(rule)

    def stop(self, action_id: str, targets: list[str], parameters: dict[str, str]) -> None:
        """No longer."""
        rule = _rule(action_id, targets, parameters)
        with self._lock:
            if rule in self.rules:
                self.rules.remove(rule)

    def refusal(self, asked: Asked) -> AwsError | None:
        """The error that this call gets, if any."""
        for action_id, roles, service, operations, percent in list(self.rules):
            if service != asked.service or not {"all", asked.operation} & set(operations):
                continue
            if role_of(asked.key) in roles and self._random.random() * 100 < percent:
                code, status = ERRORS[service, action_id]
                return AwsError(code, "Injected by AWS FIS.", status)
        return None


def _rule(action_id: str, targets: list[str], parameters: dict[str, str]) -> Rule:
    operations = tuple(name.strip() for name in parameters["operations"].split(","))
    return action_id, tuple(sorted(targets)), parameters["service"], operations, int(parameters["percentage"])
