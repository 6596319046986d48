"""How a Chaos Toolkit activity is named and its secrets are referred to, in faults, probes and runbooks alike."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Discriminator, Field, Tag

from gameday.model.types import Strict, Text

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_RUN_ANYTHING = frozenset({
    "builtins", "code", "codeop", "ctypes", "importlib", "os", "posix", "pty", "runpy", "shutil", "signal",
    "subprocess", "sys",
})  # fmt: skip


def _dotted(text: str) -> str:
    if not _DOTTED.fullmatch(text):
        raise ValueError(f"{text!r} is no dotted Python name; write for example chaosaws.ec2.actions")
    if text.partition(".")[0] in _RUN_ANYTHING and text != "os.path":
        raise ValueError(f"{text} runs anything at all; write the module of a Chaos Toolkit extension")
    return text


Module = Annotated[str, AfterValidator(_dotted)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]


class FromEnvironment(Strict):
    """A secret in an environment variable of the conductor."""

    env: Name


class FromFile(Strict):
    """A secret in a file: its text without the last newline."""

    file: Text


def _reference_tag(value: Any) -> str | None:
    return next((k for k in ("env", "file") if (k in value if isinstance(value, dict) else hasattr(value, k))), None)


Reference = Annotated[
    Annotated[FromEnvironment, Tag("env")] | Annotated[FromFile, Tag("file")],
    Discriminator(
        _reference_tag,
        custom_error_type="reference_unclear",
        custom_error_message="a secret is a reference and never a value; write {{env: NAME}} or {{file: PATH}}",
    ),
]
Secrets = dict[Name, Reference]
