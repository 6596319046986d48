"""The FIS safety lever of one account and Region.

Engaged, it stops every experiment that runs there, whoever began it, and lets none begin (AWS FIS user guide, "Safety
levers"). gameday engages it in an emergency; only a person disengages it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gameday.aws import Aws, CallFailed, told
from gameday.protocols import Lever

IDENT = "default"  # the only one there is in an account and Region
LONGEST_REASON = 300
ENGAGED = ("engaged", "engaging")


@dataclass(frozen=True)
class LeverState:
    """What AWS says of a lever: ``status`` is disengaged, engaging or engaged; ``reason`` is the last person's."""

    status: str
    reason: str

    @property
    def engaged(self) -> bool:
        """Whether experiments are being stopped and none can begin."""
        return self.status in ENGAGED


class SafetyLever:
    """One lever. All AWS errors are CallFailed."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws

    def read(self) -> LeverState:
        """GetSafetyLever."""
        with told("fis GetSafetyLever"):
            state = self._aws.client("fis").get_safety_lever(id=IDENT)["safetyLever"]["state"]
        return LeverState(str(state["status"]), str(state.get("reason", "")))

    def engage(self, reason: str) -> bool:
        """Whether this call engaged it; False when it was engaged already."""
        return self._set("engaged", reason)

    def release(self, reason: str) -> bool:
        """Whether this call disengaged it; False when it was not engaged."""
        return self._set("disengaged", reason)

    def _set(self, status: str, reason: str) -> bool:
        """AWS refuses a change that changes nothing; what is wanted is then there already."""
        try:
            with told("fis UpdateSafetyLeverState"):
                state = {"status": status, "reason": reason[:LONGEST_REASON]}
                self._aws.client("fis").update_safety_lever_state(id=IDENT, state=state)
        except CallFailed as error:
            if error.code is None or self.read().engaged != (status == "engaged"):
                raise
            return False
        return True


if TYPE_CHECKING:  # mypy proves here that it fits its socket

    def _fits(lever: SafetyLever) -> Lever:
        return lever
