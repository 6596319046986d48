"""The rules of ``lint`` for accounts and Regions: what a resource or an observer names, some environment has."""

from __future__ import annotations

from collections.abc import Iterator

from gameday.model.content import Loaded, SourceFile
from gameday.model.review import Review
from gameday.model.service import Service, Technology
from gameday.model.workspace import Account, Environment, rehearsal_environment
from gameday.model.yaml import Path_


def review_homes(review: Review) -> None:
    """Find what is in no account and no Region of any environment, the rehearsal among them."""
    for service in review.content.services.values():
        _service(review, service)
    for observer in review.content.observers.values():
        model, file = observer.model, observer.file
        _home(review, model.account, model.region, file, ())


def _service(review: Review, loaded: Loaded[Service]) -> None:
    for i, technology in enumerate(loaded.model.resources.technology):
        at: Path_ = ("resources", "technology", i)
        if _home(review, technology.account, technology.region, loaded.file, at):
            _arn(review, technology, loaded.file, at)


def _environments(review: Review) -> list[Environment]:
    workspace = review.content.workspace
    named = list(workspace.model.environments.values()) if workspace else []
    return [*named, rehearsal_environment(named)]


def _accounts(review: Review, name: str) -> Iterator[Account]:
    for environment in _environments(review):
        if name in environment.accounts:
            yield environment.accounts[name]


def _home(review: Review, account: str | None, region: str | None, file: SourceFile, at: Path_) -> bool:
    names = {name for environment in _environments(review) for name in environment.accounts}
    if account is not None and not review.known("account", account, names, file, (*at, "account")):
        return False
    held = list(_accounts(review, account)) if account is not None else _environments(review)
    regions = {region for one in held for region in one.regions}
    return region is None or review.known("region", region, regions, file, (*at, "region"))


def _arn(review: Review, technology: Technology, file: SourceFile, at: Path_) -> None:
    """An ARN says itself where its resource is; what is said beside it must be the same."""
    ident, region = technology.in_arn
    if region and technology.region and technology.region != region:
        what = f"the ARN of {technology.id!r} is in {region}, and its region is {technology.region}"
        review.error("ARN_DISAGREES", what, f"region: {region}", file, (*at, "region"))
    if ident and technology.account and ident not in {a.account for a in _accounts(review, technology.account)}:
        what = f"the ARN of {technology.id!r} is in account {ident}, and {technology.account} is another"
        review.error("ARN_DISAGREES", what, "account: the name of the ARN's account", file, (*at, "account"))
