"""The small words of the files: strict models, durations, percentages, identifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%")


class Strict(BaseModel):
    """Unknown keys fail, nothing is coerced, nothing changes after loading. Numbers are finite: JSON has no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True, allow_inf_nan=False)


def parse_duration(value: Any) -> int:
    """``90s``, ``20m``, ``2h``, ``1h30m`` to milliseconds; ValueError says what to write."""
    if isinstance(value, str):
        parts = _DURATION.findall(value)
        if parts and "".join(n + u for n, u in parts) == value:
            return sum(int(number) * _UNITS[unit] for number, unit in parts)
    raise ValueError(f"{value!r} is not a duration; write it like 90s, 20m or 2h")


def write_duration(ms: int) -> str:
    """The shortest exact spelling of a duration in milliseconds, for example ``90s`` or ``1h30m``."""
    left, text = ms, ""
    for unit in ("d", "h", "m", "s", "ms"):
        count, left = divmod(left, _UNITS[unit])
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def parse_percent(value: Any) -> float:
    """``50%`` to 0.5; ValueError says what to write."""
    match = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if not match or float(match[1]) > 100:
        raise ValueError(f"{value!r} is not a percentage; write it like 50%")
    return float(match[1]) / 100


def write_percent(share: float) -> str:
    """A share as a percentage, exact to the six decimals that :func:`parse_percent` reads."""
    return f"{share * 100:.6f}".rstrip("0").rstrip(".") + "%"


def frozen(value: Any) -> Any:
    """Free-form data as JSON can carry it and give it back equal: sequences as tuples, dates as ISO 8601 text.
    ValueError for a number that is not finite."""
    if isinstance(value, Mapping):
        return {key: frozen(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return tuple(frozen(inner) for inner in value)
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} is not a number that JSON can carry; write a finite one")
    return value.isoformat() if isinstance(value, date) else value


def _after(value: Any) -> Any:
    if isinstance(value, str) and value.startswith("after "):
        return parse_duration(value.removeprefix("after "))
    raise ValueError(f"{value!r} is not a delay; write it like: after 90s")


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(write_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|s|m|h|d))+$", "examples": ["90s", "20m", "2h"]}),
]
Delay = Annotated[
    int,
    BeforeValidator(_after),
    PlainSerializer(lambda ms: f"after {write_duration(ms)}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^after (\d+(ms|s|m|h|d))+$", "examples": ["after 90s"]}),
]
Percent = Annotated[
    float,
    BeforeValidator(parse_percent),
    PlainSerializer(write_percent, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,3}(\.\d+)?%$", "examples": ["50%"]}),
]
Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Scalar = str | int | float | bool
Adverse = Literal[
    "data-corruption", "facilities-or-people", "third-party-failure", "market-participant", "technology-failure"
]
"""The types of adverse circumstance that SYSC 15A.5.6G lists."""


class Reference(Strict):
    """Where a secret is: an environment variable, or a file of one line. It is read when it is needed, and what it
    holds is in no plan, journal, log or report."""

    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")] | None = None
    file: Text | None = None

    @model_validator(mode="after")
    def _one(self) -> Reference:
        if (self.env is None) == (self.file is None):
            raise ValueError("this names no one place; write {env: NAME} or {file: PATH}")
        return self


Tree = Annotated[dict[str, Any], AfterValidator(frozen)]
"""Free-form keys whose shape somebody else checks (an AWS call, a provider's settings)."""
