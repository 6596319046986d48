"""What must not be in a bag: secrets, and names of persons. A bag that would hold one is not made.

Known values (what references lead to, credentials of this process) are looked for word for word; what looks like a
credential is looked for by its form. What is found is told by file and line, and never printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gameday.errors import Place, Problem

LEAST_SECRET, LEAST_NAME = 8, 3  # characters: shorter ones stand anywhere by chance
FORMS: Mapping[str, re.Pattern[bytes]] = {
    "an AWS access key id": re.compile(rb"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    "an AWS secret key": re.compile(rb"(?i)secret_?access_?key[\"']?\s*[=:]\s*[\"']?[A-Za-z0-9/+]{40}\b"),
    "a session token": re.compile(rb"(?i)(?:session_?token|x-amz-security-token)[\"']?\s*[=:]\s*[\"']?[\w/+%=]{40}"),
    "a private key": re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    "a signed web address": re.compile(rb"(?i)x-amz-signature=[0-9a-f]{16}"),
    "a password in a web address": re.compile(rb"\bhttps?://[^/\s:@\"'\\]+:[^/\s@\"'\\]+@"),
    "a token": re.compile(rb"\b(?:gh[pousr]_\w{36}|xox[abprs]-[\w-]{10,}|eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"),
}
_PERSONAL = re.compile(r"(?i)^(?:.*_)?(?:who|name|email|e-mail|mail|phone|mobile|telephone|slack|pager|contact)s?$")


@dataclass(frozen=True)
class Known:
    """Values that must not be seen, by what they are: secrets, and persons' names and addresses."""

    secrets: Mapping[str, str]
    persons: Sequence[str] = ()


def closed(files: Mapping[str, bytes], known: Known) -> list[Problem]:
    """SECRET_IN_EVIDENCE, PERSON_IN_EVIDENCE: one for each place."""
    return [problem for name, raw in sorted(files.items()) for problem in _found(name, raw, known)]


def _found(name: str, raw: bytes, known: Known) -> Iterator[Problem]:
    for what, pattern in FORMS.items():
        if match := pattern.search(raw):
            yield _secret(name, raw, match.start(), what)
    for what, value in known.secrets.items():
        if len(value) >= LEAST_SECRET and (at := raw.find(value.encode())) >= 0:
            yield _secret(name, raw, at, f"the value of {what}")
    for person in known.persons:
        word = re.compile(rb"(?<!\w)" + re.escape(person.encode()) + rb"(?!\w)", re.IGNORECASE)
        if len(person) >= LEAST_NAME and (match := word.search(raw)):
            write = "say the role in its place; what was said in a run is taken out with gameday evidence redact"
            what = "a name or an address of the roster stands here"
            yield Problem("PERSON_IN_EVIDENCE", what, write, _place(name, raw, match.start()))


def _secret(name: str, raw: bytes, at: int, what: str) -> Problem:
    write = "change that secret now, as it was written down; then seal without it: --event N, or --path P"
    return Problem("SECRET_IN_EVIDENCE", f"{what} stands here", write, _place(name, raw, at))


def _place(name: str, raw: bytes, at: int) -> Place:
    return Place(name, raw.count(b"\n", 0, at) + 1)


def persons_of(roster: Any) -> list[str]:
    """Every name and address in a roster, however it is laid out."""
    return sorted({text for text in _personal(roster, False) if len(text) >= LEAST_NAME})


def _personal(value: Any, mine: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            yield from _personal(held, mine or bool(_PERSONAL.match(str(key))))
    elif isinstance(value, list | tuple):
        for held in value:
            yield from _personal(held, mine)
    elif isinstance(value, str) and (mine or "@" in value or re.fullmatch(r"\+[\d ()-]{6,}", value)):
        yield value.strip()
