"""Target account configurations of the rehearsal FIS (AWS FIS API reference, CreateTargetAccountConfiguration): in
which accounts the experiments of a multi-account template act, and in which role."""

from __future__ import annotations

import re
from collections.abc import Callable

from gameday.rehearsal.fis_engine import FisEngine
from gameday.rehearsal.fis_words import Wire, invalid, listed, missing
from gameday.rehearsal.metric_store import AwsError

MOST = 10  # AWS FIS quotas, target account configurations of a template
ROLE = re.compile(r"arn:aws[a-z-]*:iam::(\d{12}):role/\S+$")
KEY = "targetAccountConfiguration"


class TargetAccounts:
    """The operations by name."""

    def __init__(self, engine: FisEngine) -> None:
        self.engine = engine
        self.operations: dict[str, Callable[[Wire], Wire]] = {
            "CreateTargetAccountConfiguration": self._create,
            "GetTargetAccountConfiguration": lambda w: {KEY: dict(self._one(self._of(w), w))},
            "ListTargetAccountConfigurations": lambda w: listed(f"{KEY}s", list(self._of(w).values()), w),
            "UpdateTargetAccountConfiguration": self._update,
            "DeleteTargetAccountConfiguration": self._delete,
            "GetExperimentTargetAccountConfiguration": lambda w: {KEY: self._one(self._reach(w), w)},
            "ListExperimentTargetAccountConfigurations": lambda w: listed(f"{KEY}s", list(self._reach(w).values()), w),
        }

    def _of(self, wire: Wire) -> dict[str, Wire]:
        """Those of a template, by account."""
        self.engine.template(wire["id"])
        return self.engine.reach.setdefault(wire["id"], {})

    def _reach(self, wire: Wire) -> dict[str, Wire]:
        """Those of an experiment, as they were when it was started."""
        return self.engine.experiment(wire["id"]).reach

    @staticmethod
    def _one(held: dict[str, Wire], wire: Wire) -> Wire:
        if wire["accountId"] not in held:
            raise missing(f"Target account configuration {wire['accountId']}")
        return held[wire["accountId"]]

    def _create(self, wire: Wire) -> Wire:
        held, account = self._of(wire), wire["accountId"]
        if self.engine.repeated("account", wire):
            return {KEY: dict(self._one(held, wire))}
        if self.engine.template(wire["id"])["experimentOptions"]["accountTargeting"] != "multi-account":
            raise invalid("The template's accountTargeting is single-account.")
        if account in held:
            raise AwsError("ConflictException", f"There is a configuration for account {account} already.", 409)
        if len(held) >= MOST:
            raise AwsError("ServiceQuotaExceededException", f"At most {MOST} target account configurations.", 402)
        held[account] = _checked(account, {"accountId": account}, wire)
        self.engine.remember("account", wire, account)
        return {KEY: dict(held[account])}

    def _update(self, wire: Wire) -> Wire:
        held = self._of(wire)
        held[wire["accountId"]] = _checked(wire["accountId"], self._one(held, wire), wire)
        return {KEY: dict(held[wire["accountId"]])}

    def _delete(self, wire: Wire) -> Wire:
        held = self._of(wire)
        gone = self._one(held, wire)
        del held[wire["accountId"]]
        return {KEY: gone}


def _checked(account: str, old: Wire, wire: Wire) -> Wire:
    made = old | {key: wire[key] for key in ("roleArn", "description") if key in wire}
    role = ROLE.match(made.get("roleArn", ""))
    if not re.fullmatch(r"\d{12}", account) or role is None:
        raise invalid("accountId is the id of an account, and roleArn the ARN of a role there.")
    if role[1] != account:
        raise invalid(f"The role {made['roleArn']} is not of account {account}.")
    return made
