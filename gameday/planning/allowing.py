"""Pure: whether policy documents allow an action on a resource, and what they allow beyond a plan.

IAM's rules (user guide, "Policy evaluation logic") as far as identity policies go: a Deny wins, an Allow is needed.
What we cannot know (a condition key whose value the request would bring, an operator not listed here) makes the answer
None, never yes. Boundaries, SCPs and resource policies are not seen: SimulatePrincipalPolicy sees more.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gameday.planning.statements import Statement

Document = Mapping[str, Any]
Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Need:
    """One action on one resource, with the condition keys of the request that makes it."""

    action: str
    resource: str
    keys: Values
    why: str = ""
    needed: bool = True


def needs(statements: Iterable[Statement]) -> Iterator[Need]:
    """Each action on each resource of these statements. The request has what the conditions ask for."""
    for one in statements:
        keys = {key: _value(value) for held in one.conditions.values() for key, value in held.items()}
        for action in one.actions:
            for resource in one.resources:
                yield Need(action, resource, keys, one.why, one.needed)


def _value(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """What a request brings: the value itself, or any where the condition only says that the key is there."""
    return value if isinstance(value, tuple) else ("gameday" if value == "false" else value,)


def allowed(documents: Sequence[Document], need: Need) -> bool | None:
    """True, False, or None when that cannot be said."""
    said = [(one["Effect"], _applies(one, need)) for document in documents for one in listed(document["Statement"])]
    denies = [answer for effect, answer in said if effect == "Deny"]
    allows = [answer for effect, answer in said if effect == "Allow"]
    if True in denies:
        return False
    if True in allows:
        return None if None in denies else True
    return None if None in allows else False


def listed(value: Any) -> list[Any]:
    """IAM writes one of something without a list."""
    return value if isinstance(value, list) else [value]


def _applies(statement: Mapping[str, Any], need: Need) -> bool | None:
    if not _names(statement, "Action", need.action.lower(), lower=True):
        return False
    if not _names(statement, "Resource", need.resource):
        return False
    answers = [_holds(op, key, listed(value), need.keys)
               for op, keys in statement.get("Condition", {}).items() for key, value in keys.items()]  # fmt: skip
    return False if False in answers else None if None in answers else True


def _names(statement: Mapping[str, Any], what: str, value: str, *, lower: bool = False) -> bool:
    if f"Not{what}" in statement:
        return not any(matches(_low(p, lower), value) for p in listed(statement[f"Not{what}"]))
    return any(matches(_low(p, lower), value) for p in listed(statement.get(what, [])))


def _low(text: str, lower: bool) -> str:
    return text.lower() if lower else text


def matches(pattern: str, value: str) -> bool:
    """``*`` and ``?`` as in IAM. A value that is itself a pattern is matched as text, so that it must be no wider."""
    return bool(_compiled(pattern).fullmatch(value))


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern), re.DOTALL)


def _holds(operator: str, key: str, wanted: list[Any], keys: Values) -> bool | None:
    held = {name.lower(): value for name, value in keys.items()}.get(key.lower())
    kind = operator.removeprefix("ForAllValues:").removeprefix("ForAnyValue:")
    if kind == "Null":
        return None if held is None else str(wanted[0]).lower() == "false"
    if held is None:
        return None  # the request may bring it, or not
    texts = [str(one) for one in wanted]
    plain = kind.removesuffix("IfExists")
    if plain in ("StringEquals", "Bool"):
        return all(any(one.lower() == text.lower() if plain == "Bool" else one == text for text in texts)
                   for one in held)  # fmt: skip
    if plain in ("StringLike", "ArnLike", "ArnEquals"):
        return all(any(matches(text, one) for text in texts) for one in held)
    return None


@dataclass(frozen=True)
class Excess:
    """What a role may do beyond the plan: the statement's id, and in words."""

    sid: str
    says: str


def excess(documents: Sequence[Document], statements: Sequence[Statement]) -> list[Excess]:
    """Wildcards in actions, actions that the plan has no use for, and resources wider than it needs."""
    found = []
    for document in documents:
        for number, one in enumerate(listed(document["Statement"]), 1):
            if one["Effect"] == "Allow":
                sid = str(one.get("Sid") or f"statement {number}")
                found += [Excess(sid, says) for says in _beyond(one, statements)]
    return found


def _beyond(one: Mapping[str, Any], statements: Sequence[Statement]) -> Iterator[str]:
    if "NotAction" in one or "NotResource" in one:
        yield "allows all but what it names (NotAction or NotResource)"
        return
    for action in listed(one["Action"]):
        used = [s for s in statements if any(matches(action.lower(), a.lower()) for a in s.actions)]
        if not used:
            yield f"{action}: nothing in this plan calls it"
        elif "*" in action or "?" in action:
            names = sorted({a for s in used for a in s.actions if matches(action.lower(), a.lower())})
            yield f"{action} is a wildcard; the plan needs {', '.join(names)}"
        else:
            yield from _wider(action, listed(one["Resource"]), used)


def _wider(action: str, resources: Sequence[str], used: Sequence[Statement]) -> Iterator[str]:
    wanted = {resource for statement in used for resource in statement.resources}
    for resource in resources:
        if not any(matches(narrow, resource) for narrow in wanted):
            yield f"{action} on {resource}: the plan needs it on {', '.join(sorted(wanted))}"
