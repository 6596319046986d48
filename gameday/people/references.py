"""Secrets of a channel: where they are stands in gameday.yaml, what they are is read when a prompt is sent, and is in
no receipt, error or journal."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import StringConstraints, model_validator

from gameday.aws import told
from gameday.model.types import Strict, Text
from gameday.people.carrying import Undelivered
from gameday.protocols import AwsDoor

HIDDEN = "***"
SHORTEST = 6  # a shorter piece of an address is no secret, and would blot out words
Resolve = Callable[["SecretReference"], str]


class SecretReference(Strict):
    """Where a secret is: an environment variable, a file of one line, or AWS Secrets Manager (name or ARN; ``key`` when
    the secret is a JSON object)."""

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: Text | None = None
    secretsmanager: Text | None = None
    key: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> SecretReference:
        if sum(place is not None for place in (self.env, self.file, self.secretsmanager)) != 1:
            raise ValueError("this names no one place; write {env: NAME}, {file: PATH} or {secretsmanager: NAME}")
        if self.key is not None and self.secretsmanager is None:
            raise ValueError("only a secret of Secrets Manager has a key; write {secretsmanager: NAME, key: KEY}")
        return self

    def __str__(self) -> str:
        """Its place, as a message may say it."""
        return self.env or self.file or f"{self.secretsmanager} of Secrets Manager"


class Unset(Undelivered):
    """A secret that is not where its reference says."""


def resolve(reference: SecretReference, aws: AwsDoor) -> str:
    """What it is now. Unset, with its place, when there is nothing; CallFailed when Secrets Manager refuses."""
    try:
        if reference.env is not None:
            found = os.environ.get(reference.env, "")
        elif reference.file is not None:
            found = Path(reference.file).expanduser().read_text(encoding="utf-8")
        else:
            found = _from_aws(reference, aws)
    except (OSError, ValueError, KeyError, TypeError) as error:  # without the error's text: it may hold the secret
        raise Unset(f"{reference} cannot be read: {type(error).__name__}") from None
    if not found.strip():
        raise Unset(f"{reference} is not set, or empty")
    return found.strip()


def _from_aws(reference: SecretReference, aws: AwsDoor) -> str:
    client = aws.client("secretsmanager")
    with told("secretsmanager GetSecretValue"):
        found = client.get_secret_value(SecretId=reference.secretsmanager)["SecretString"]
    return str(json.loads(found)[reference.key] if reference.key else found)


def pieces(secret: str) -> list[str]:
    """A secret, and of an address each part that lets somebody in: path, user, query; longest first."""
    url = urlsplit(secret) if "://" in secret else None
    parts = [secret]
    if url:
        parts += [url.path, url.query, url.fragment, url.password or "", url.username or "", *url.path.split("/")]
        parts += [value for pair in url.query.split("&") for value in pair.split("=")[1:]]
    return sorted({part for part in parts if len(part) >= SHORTEST or part == secret}, key=len, reverse=True)


def hide(text: str, secrets: Iterable[str]) -> str:
    """The text without the secrets, and without what could move a terminal's cursor."""
    for piece in sorted((p for secret in secrets for p in pieces(secret)), key=len, reverse=True):
        text = text.replace(piece, HIDDEN)
    return "".join(c if c.isprintable() else " " for c in text)
