"""Whether targets have the tags that the envelope wants, and none that it denies.

Tags are read where AWS keeps them: GetResources of the tagging API, which leaves out what has no tags; roles are read
from IAM, which the tagging API does not list. What is in neither cannot be shown, and then it is not inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from gameday.aws import Aws, CallFailed, told
from gameday.errors import Problem
from gameday.faults.targets import id_of
from gameday.model.workspace import Envelope
from gameday.plan import Home

ARNS_A_CALL = 100  # GetResources, ResourceARNList
Tags = Mapping[str, str]
_WRITE = "the tags that the envelope wants, or another target"


def check_tags(aws: Aws, envelope: Envelope, arns: Sequence[str], where: Home = (None, None)) -> Iterator[Problem]:
    """Everything about these targets that is not inside the envelope. Nothing is read when it asks for no tags.
    ``where`` are those whose ARN does not say it: buckets."""
    if not (envelope.require_tag or envelope.deny_tag) or not arns:
        return
    try:
        held = tags_of(aws, arns, where)
    except CallFailed as error:
        what = f"the tags of the targets could not be read ({error.problems[0].message})"
        yield Problem("TAGS_NOT_READ", what, error.problems[0].write)
        return
    for arn in sorted(set(arns)):
        yield from _wrong(arn, held.get(arn, {}), envelope)


def _wrong(arn: str, tags: Tags, envelope: Envelope) -> Iterator[Problem]:
    for key, value in sorted(envelope.require_tag.items()):
        if tags.get(key) != value:
            yield Problem("ENVELOPE_TAG", f"{arn} has no tag {key}={value}, which the envelope wants", _WRITE)
    for key, value in sorted(envelope.deny_tag.items()):
        if key in tags and value in ("*", tags[key]):
            yield Problem("ENVELOPE_TAG", f"{arn} has the tag {key}={tags[key]}, which the envelope denies", _WRITE)


def tags_of(aws: Aws, arns: Iterable[str], where: Home = (None, None)) -> dict[str, Tags]:
    """The tags of each, read in its own account and Region; one that has none is left out. CallFailed when they
    cannot be read."""
    found, doors = dict[str, Tags](), dict[Aws, list[str]]()
    for arn in sorted(set(arns)):
        door = aws.of(arn, *where)
        if ":iam:" in arn:
            found[arn] = _of_role(door, arn)
        else:
            doors.setdefault(door, []).append(arn)
    for door, held in doors.items():
        found |= _listed(door, held)
    return found


def _listed(aws: Aws, arns: Sequence[str]) -> dict[str, Tags]:
    found: dict[str, Tags] = {}
    for start in range(0, len(arns), ARNS_A_CALL):
        with told("resourcegroupstaggingapi GetResources"):
            pages = aws.client("resourcegroupstaggingapi").get_paginator("get_resources")
            asked = list(pages.paginate(ResourceARNList=arns[start : start + ARNS_A_CALL]))
        for one in (held for page in asked for held in page["ResourceTagMappingList"]):
            found[one["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in one.get("Tags", ())}
    return found


def _of_role(aws: Aws, arn: str) -> Tags:
    with told("iam ListRoleTags"):
        return {tag["Key"]: tag["Value"] for tag in aws.client("iam").list_role_tags(RoleName=id_of(arn))["Tags"]}
