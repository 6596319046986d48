"""gameday.yaml: the workspace and its environments. ``rehearsal`` needs no entry."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from gameday.model.types import Duration, Id, Strict, Text

REHEARSAL = "rehearsal"
REHEARSAL_ACCOUNT = "123456789012"
REHEARSAL_REGION = "eu-west-2"


class Envelope(Strict):
    """What may be touched. Outside it nothing is called."""

    actions: tuple[Text, ...] = ("*",)
    require_tag: dict[str, str] = {}
    deny_tag: dict[str, str] = {}
    max_targets: Annotated[int, Field(ge=1)] = 5
    longest_fault: Duration = 12 * 3_600_000
    dead_man: Duration = 90_000


class Environment(Strict):
    """Where a run happens. Credentials never choose it; ``--environment NAME`` does."""

    account: Annotated[str, Field(pattern=r"^\d{12}$")]
    regions: Annotated[tuple[Text, ...], Field(min_length=1)]
    role: Text | None = None
    fis_role: Text | None = None
    production: bool = False
    representative: Text | None = None
    envelope: Envelope = Envelope()
    approvals: Annotated[int, Field(ge=0)] = 0

    @property
    def region(self) -> str:
        """The first Region."""
        return self.regions[0]


class Workspace(Strict):
    """gameday.yaml."""

    kind: Literal["workspace"]
    environments: dict[Id, Environment] = {}
    channels: dict[Id, dict[str, Any]] = {}
    calendars: dict[Id, Text] = {}


REHEARSAL_ENVIRONMENT = Environment(
    account=REHEARSAL_ACCOUNT,
    regions=(REHEARSAL_REGION,),
    fis_role=f"arn:aws:iam::{REHEARSAL_ACCOUNT}:role/gameday-fis",
    envelope=Envelope.model_validate({"dead_man": "3m"}),  # three seconds of a stalled machine are a minute at speed 20
    representative="An embedded stand-in for AWS on loopback; see docs/fidelity.md.",
)
