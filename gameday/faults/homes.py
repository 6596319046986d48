"""Where the targets of a fault live: in which accounts of the environment, and in which Region.

A FIS experiment works in one Region; its account, the orchestrator, may have it act in others (AWS FIS user guide,
"Multi-account experiments": "an application that spans multiple AWS accounts within a Region").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gameday.errors import CouldNotStart, Problem, could_not_start
from gameday.model.service import Technology
from gameday.model.workspace import Environment
from gameday.plan import Home
from gameday.protocols import Order

GLOBAL = frozenset({"aws:iam:role"})  # of no Region: FIS acts on its calls in the Region of the experiment


@dataclass(frozen=True)
class Site:
    """Where a fault is started: ``region`` None for the environment's first. ``accounts`` are the ids of those that
    hold its targets; empty where that is the environment's own alone. ``home`` is that of all targets, None when they
    have not one."""

    region: str | None = None
    accounts: tuple[str, ...] = ()
    home: Home | None = (None, None)


def disagreement(technology: Technology) -> Problem | None:
    """What is wrong where the resource's ``region`` is not the one in its ARN."""
    region = technology.in_arn[1]
    if region and technology.region and region != technology.region:
        what = f"{technology.id}: its ARN is in {region}, and its region is {technology.region}"
        return Problem("ARN_DISAGREES", what, f"region: {region}, or an ARN in {technology.region}")
    return None


def home_of(technology: Technology, environment: Environment) -> Home:
    """The account (by name) and Region of a resource: its ARN's own, else what it says of itself. CouldNotStart when
    these disagree, and for what the environment does not have."""
    wrong = disagreement(technology)
    if wrong:
        raise CouldNotStart(wrong)
    ident, region = technology.in_arn
    account, region = technology.account, region or technology.region
    if ident is not None and account is not None and environment.at(account).account != ident:
        what = f"{technology.id}: its ARN is in account {ident}, and {account} is {environment.at(account).account}"
        raise could_not_start("ARN_DISAGREES", what, "account: the name of the ARN's account")
    if ident is not None:
        account = environment.name_of(ident)
    environment.at(account, region)
    return account, region


def site_of(targets: Sequence[Technology], environment: Environment) -> Site:
    """Where a fault on these is started. CouldNotStart REGIONS_MIXED when they are in several Regions."""
    homes = {t.id: environment.at(*home_of(t, environment)) for t in targets}
    regions = {homes[t.id].region: t.id for t in targets if not (t.type in GLOBAL and not t.region)}
    if len(regions) > 1:
        raise CouldNotStart(mixed(regions))
    region = next(iter(regions), environment.region)
    environment.at(None, region)  # the experiment is started there
    accounts = tuple(sorted({home.account for home in homes.values()}))
    names = {home_of(t, environment)[0] for t in targets}
    home: Home | None = (names.pop() if names else None, None) if len(names) <= 1 else None
    if home is not None and region != environment.at(home[0]).region:
        home = (home[0], region)
    accounts = () if accounts == (environment.account,) else accounts
    return Site(region if accounts or region != environment.region else None, accounts, home)


def mixed(regions: dict[str, str]) -> Problem:
    """``regions``: one of the targets in each."""
    where = ", ".join(f"{ident} in {region}" for region, ident in sorted(regions.items()))
    return Problem(
        "REGIONS_MIXED", f"targets: {where}; FIS acts in one Region", "a step for each Region, at the same time"
    )


def explicit(targets: Sequence[Technology]) -> dict[str, str]:
    """The Regions that the files themselves say, and one of the targets in each."""
    return {region: t.id for t in targets if (region := t.in_arn[1] or t.region) is not None}


def home(order: Order) -> Home:
    """Where a target is of which nothing else says it: in the one account of the fault, and its Region."""
    accounts = order.accounts
    return order.environment.name_of(accounts[0]) if len(accounts) == 1 else None, order.region
