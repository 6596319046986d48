"""gameday.yaml: the workspace and its environments. ``rehearsal`` needs no entry."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field

from gameday.errors import CouldNotStart, could_not_start
from gameday.model.tolerance import Approval
from gameday.model.types import Duration, Id, Reference, Strict, Text

REHEARSAL = "rehearsal"
REHEARSAL_ACCOUNT = "123456789012"
REHEARSAL_REGION = "eu-west-2"
SECOND_REGION = "eu-west-1"


class Envelope(Strict):
    """What may be touched. Outside it nothing is called."""

    actions: tuple[Text, ...] = ("*",)
    calls: tuple[Text, ...] = ("*",)  # what runbooks may ask for: service.operation
    require_tag: dict[str, str] = {}
    deny_tag: dict[str, str] = {}
    max_targets: Annotated[int, Field(ge=1)] = 5
    longest_fault: Duration = 12 * 3_600_000
    dead_man: Duration = 90_000


AccountId = Annotated[str, Field(pattern=r"^\d{12}$")]


class Account(Strict):
    """Another account of an environment. ``role`` is assumed to read there, ``fis_role`` is the one that AWS FIS takes
    there, ``external_id`` goes with every AssumeRole."""

    account: AccountId
    regions: Annotated[tuple[Text, ...], Field(min_length=1)]
    role: Text
    fis_role: Text | None = None
    external_id: Text | None = None


class Environment(Strict):
    """Where a run happens. Credentials never choose it; ``--environment NAME`` does.

    Experiments are started in ``account``; ``accounts`` are the others in which its targets and signals are, by name.
    """

    account: AccountId
    regions: Annotated[tuple[Text, ...], Field(min_length=1)]
    role: Text | None = None
    fis_role: Text | None = None
    external_id: Text | None = None
    accounts: dict[Id, Account] = {}
    production: bool = False
    representative: Text | None = None
    envelope: Envelope = Envelope()
    approvals: Annotated[int, Field(ge=0)] = 0
    incident_alarms: tuple[Text, ...] = ()  # one of them in ALARM means that an incident is open: no run begins

    @property
    def region(self) -> str:
        """The first Region."""
        return self.regions[0]

    @property
    def every_account(self) -> frozenset[str]:
        """The ids of all its accounts."""
        return frozenset({self.account, *(held.account for held in self.accounts.values())})

    @property
    def every_region(self) -> frozenset[str]:
        """The Regions of all its accounts."""
        return frozenset(self.regions).union(*(held.regions for held in self.accounts.values()))

    def at(self, account: str | None = None, region: str | None = None) -> Environment:
        """This environment as one account (by name, None its own) and one Region (None the account's first) see it.
        CouldNotStart UNKNOWN_ACCOUNT, UNKNOWN_REGION for what it does not have."""
        if account is None and region in (None, self.region):
            return self
        held = self if account is None else self.accounts.get(account)
        if held is None:
            raise _unknown("account", account or "", self.accounts)
        if region is not None and region not in held.regions:
            raise _unknown("region", region, held.regions)
        only = {"regions": (region or held.regions[0],), "accounts": {}, "account": held.account}
        roles = {"role": held.role, "fis_role": held.fis_role, "external_id": held.external_id}
        return self.model_copy(update={**only, **roles})

    def name_of(self, account: str) -> str | None:
        """The name of the account with this id; None for its own. CouldNotStart UNKNOWN_ACCOUNT."""
        if account == self.account:
            return None
        for name, held in self.accounts.items():
            if held.account == account:
                return name
        raise _unknown("account", account, self.accounts)


def _unknown(what: str, name: str, names: Iterable[str]) -> CouldNotStart:
    given = " | ".join(sorted(names)) or f"{what}s: {{...}} of the environment in gameday.yaml"
    return could_not_start(f"UNKNOWN_{what.upper()}", f"the environment has no {what} {name!r}", given)


class SigningKey(Strict):
    """An Ed25519 key of ``gameday keys new``: the file of its private half, from the workspace; a passphrase by
    reference."""

    file: Text
    passphrase: Reference | None = None


class Evidence(Strict):
    """How runs become evidence. With a key, what a run will do is signed before its first effect."""

    key: SigningKey


class Workspace(Strict):
    """gameday.yaml."""

    kind: Literal["workspace"]
    environments: dict[Id, Environment] = {}
    channels: dict[Id, dict[str, Any]] = {}
    calendars: dict[Id, Text] = {}
    evidence: Evidence | None = None
    self_assessment: Approval | None = None  # by whom the governing body approved the written record, and when


REHEARSAL_ENVIRONMENT = Environment(
    account=REHEARSAL_ACCOUNT,
    regions=(REHEARSAL_REGION, SECOND_REGION),
    fis_role=f"arn:aws:iam::{REHEARSAL_ACCOUNT}:role/gameday-fis",
    envelope=Envelope.model_validate({"dead_man": "3m"}),  # three seconds of a stalled machine are a minute at speed 20
    representative="An embedded stand-in for AWS on loopback; see docs/fidelity.md.",
)


def rehearsal_environment(environments: Iterable[Environment] = ()) -> Environment:
    """The rehearsal of a workspace: every account that its environments name is there too, and so is every Region.
    Of two accounts of one name the first is."""
    accounts: dict[str, Account] = {}
    regions = list(REHEARSAL_ENVIRONMENT.regions)
    for environment in environments:
        regions += environment.regions
        accounts = {**environment.accounts, **accounts}
    found = {"accounts": accounts, "regions": tuple(dict.fromkeys(regions))}
    return REHEARSAL_ENVIRONMENT.model_copy(update=found)


def is_rehearsal(environment: Environment) -> bool:
    """Whether this is the environment of a rehearsal, whatever accounts and Regions its workspace adds."""
    same = {"accounts": {}, "regions": REHEARSAL_ENVIRONMENT.regions}
    return environment.model_copy(update=same) == REHEARSAL_ENVIRONMENT
