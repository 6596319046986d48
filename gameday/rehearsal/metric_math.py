"""CloudWatch metric math: a small real parser. What it does not know it refuses; it never answers silence."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gameday.rehearsal.metric_store import AwsError

Series = dict[int, float]
Value = float | Series | list[Series] | str
TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?)|([A-Za-z_]\w*)|(\"[^\"]*\"|'[^']*')|(&&|\|\||[<>=!]=|[-+*/^()<>,\[\]]))"
)
BINARY: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "<": lambda a, b: float(a < b),
    ">": lambda a, b: float(a > b),
    "<=": lambda a, b: float(a <= b),
    ">=": lambda a, b: float(a >= b),
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
}
LEVELS = (("OR",), ("AND",), ("<", ">", "<=", ">=", "==", "!="), ("+", "-"), ("*", "/"))
FOLDS: dict[str, Callable[[Sequence[float]], float]] = {
    "SUM": sum,
    "AVG": lambda v: sum(v) / len(v),
    "MIN": min,
    "MAX": max,
}


def refuse(message: str) -> AwsError:
    """The error AWS gives for an expression it does not take."""
    return AwsError("ValidationError", f"Error in expression: {message}")


def tokens(text: str) -> list[str]:
    """The tokens of an expression."""
    found, at = [], 0
    while at < len(text.rstrip()):
        match = TOKEN.match(text, at)
        if not match:
            raise refuse(f"unexpected {text[at:].strip()[:12]!r} in {text!r}")
        token = match[0].strip()
        found.append({"&&": "AND", "||": "OR"}.get(token, token))
        at = match.end()
    return found


@dataclass
class Evaluator:
    """Evaluates one expression. ``grid`` is every bucket start of the window, for FILL."""

    series: Mapping[str, Series]
    metrics: Sequence[str]  # the ids that METRICS() means
    grid: Sequence[int]
    period_ms: int

    def run(self, text: str) -> Series:
        """The series an expression makes."""
        self._text, self._tokens, self._at = text, tokens(text), 0
        value = self._level(0)
        if self._at != len(self._tokens):
            raise refuse(f"unexpected {self._tokens[self._at]!r} in {text!r}")
        if not isinstance(value, dict):
            raise refuse(f"{text!r} does not make one time series")
        return value

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self, wanted: str | None = None) -> str:
        token = self._peek()
        if not token or (wanted is not None and token != wanted):
            raise refuse(f"wanted {wanted or 'a value'}, found {token or 'the end'} in {self._text!r}")
        self._at += 1
        return token

    def _level(self, level: int) -> Value:
        if level == len(LEVELS):
            return self._power()
        left = self._level(level + 1)
        while self._peek() in LEVELS[level]:
            left = combine(self._take(), left, self._level(level + 1))
        return left

    def _power(self) -> Value:
        if self._peek() == "-":
            self._take()
            return combine("*", -1.0, self._power())
        left = self._atom()
        if self._peek() == "^":
            self._take()
            return combine("^", left, self._power())
        return left

    def _atom(self) -> Value:
        token = self._take()
        if token[0].isdigit():
            return float(token)
        if token[0] in "\"'":
            return token[1:-1]
        if token == "(":
            value = self._level(0)
            self._take(")")
            return value
        if token == "[":
            return self._list()
        if self._peek() == "(":
            return self._call(token)
        return self._name(token)

    def _name(self, token: str) -> Value:
        if token in self.series:
            return self.series[token]
        if token in ("REPEAT", "LINEAR"):
            return token
        raise refuse(f"unknown id {token!r}")

    def _arguments(self, closing: str) -> list[Value]:
        found: list[Value] = []
        while self._peek() != closing:
            found.append(self._level(0))
            if self._peek() != closing:
                self._take(",")
        self._take(closing)
        return found

    def _list(self) -> Value:
        found = self._arguments("]")
        if not all(isinstance(v, dict) for v in found):
            raise refuse("a list holds time series only")
        return [v for v in found if isinstance(v, dict)]

    def _call(self, name: str) -> Value:
        self._take("(")
        arguments = self._arguments(")")
        if name in FOLDS:
            return fold(name, arguments)
        known: dict[str, Callable[..., Value]] = {
            "IF": choose,
            "FILL": self._fill,
            "METRICS": self._metrics,
            "ABS": absolute,
            "RATE": self._rate,
            "DIFF": difference,
        }
        if name not in known:
            raise refuse(f"function {name} is not supported in rehearsal; supported: {', '.join([*known, *FOLDS])}")
        try:
            return known[name](*arguments)
        except TypeError as error:
            raise refuse(f"wrong arguments for {name}") from error

    def _metrics(self, part: str = "") -> Value:
        return [self.series[m] for m in self.metrics if part in m]

    def _rate(self, value: Value) -> Value:
        """Change per second of the real distance between datapoints."""
        given = one(value)
        times = sorted(given)
        return {b: (given[b] - given[a]) / ((b - a) / 1000) for a, b in zip(times, times[1:], strict=False)}

    def _fill(self, value: Value, how: Value) -> Value:
        if isinstance(value, list):
            return [one(self._fill(v, how)) for v in value]
        given = one(value)
        if isinstance(how, dict):
            return {t: given.get(t, how.get(t, 0.0)) for t in self.grid if t in given or t in how}
        if isinstance(how, float):
            return {t: given.get(t, how) for t in self.grid}
        if how not in ("REPEAT", "LINEAR"):
            raise refuse("FILL takes a number, a metric, REPEAT or LINEAR")
        return filled(given, self.grid, how == "LINEAR")


def one(value: Value) -> Series:
    """A value that must be one time series."""
    if not isinstance(value, dict):
        raise refuse("a time series is wanted here")
    return value


def combine(sign: str, left: Value, right: Value) -> Value:
    """An operator on numbers, series and lists; a datapoint missing on one side is missing in the result."""
    if isinstance(left, str) or isinstance(right, str):
        raise refuse(f"text cannot be used with {sign}")
    if isinstance(left, list):
        return [one(combine(sign, v, right)) for v in left]
    if isinstance(right, list):
        return [one(combine(sign, left, v)) for v in right]
    if isinstance(left, dict):
        pairs = {t: (v, right.get(t) if isinstance(right, dict) else right) for t, v in left.items()}
    elif isinstance(right, dict):
        pairs = {t: (left, v) for t, v in right.items()}
    else:
        return _apply(sign, left, right) or 0.0
    done = {t: _apply(sign, a, b) for t, (a, b) in pairs.items() if b is not None}
    return {t: v for t, v in done.items() if v is not None}


def _apply(sign: str, left: float, right: float) -> float | None:
    try:
        found = BINARY[sign](left, right)
    except (ZeroDivisionError, OverflowError):
        return None  # CloudWatch leaves the datapoint out
    return float(found) if isinstance(found, (int, float)) else None


def fold(name: str, arguments: Sequence[Value]) -> Value:
    """SUM AVG MIN MAX: over a list, point by point; of one series, a number."""
    if len(arguments) != 1 or not isinstance(arguments[0], (list, dict)):
        raise refuse(f"{name} takes one series or one list")
    given, how = arguments[0], FOLDS[name]
    if isinstance(given, dict):
        return how(list(given.values())) if given else 0.0
    times = sorted({t for s in given for t in s})
    return {t: how([s[t] for s in given if t in s]) for t in times}


def choose(test: Value, yes: Value, no: Value | None = None) -> Value:
    """IF(condition, then, else): without else, points where the condition is false are left out."""
    if isinstance(test, float):
        return yes if test else ({} if no is None else no)
    result: Series = {}
    for t, v in one(test).items():
        side = yes if v else no
        found = side.get(t) if isinstance(side, dict) else side
        if isinstance(found, (int, float)):
            result[t] = float(found)
    return result


def absolute(value: Value) -> Value:
    """ABS."""
    if isinstance(value, float):
        return abs(value)
    return [one(absolute(v)) for v in value] if isinstance(value, list) else {t: abs(v) for t, v in one(value).items()}


def difference(value: Value) -> Value:
    """DIFF: each datapoint minus the one before."""
    given = one(value)
    times = sorted(given)
    return {b: given[b] - given[a] for a, b in zip(times, times[1:], strict=False)}


def filled(given: Series, grid: Sequence[int], linear: bool) -> Series:
    """FILL with REPEAT or LINEAR; nothing before the first datapoint, and LINEAR nothing after the last."""
    times, result = sorted(given), {}
    for t in grid:
        before = [x for x in times if x <= t]
        after = [x for x in times if x >= t]
        if before and not linear:
            result[t] = given[before[-1]]
        elif before and after:
            a, b = before[-1], after[0]
            result[t] = given[a] + (given[b] - given[a]) * ((t - a) / (b - a) if b > a else 0.0)
    return result
