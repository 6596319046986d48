"""X-Ray filter expressions: a small parser, nothing is evaluated as code.

Taken: ``ok error throttle fault partial``; ``responsetime duration http.status`` with ``= != < <= > >=``; ``http.url
http.method http.useragent http.clientip user annotation.KEY annotation[KEY]`` with ``= !=`` and CONTAINS, BEGINSWITH,
ENDSWITH; ``service("x") {...}``, ``edge("a", "b") {...}``; AND, OR, NOT, ``!`` and parentheses (X-Ray developer guide,
"Filter expressions"). Everything else is refused, never ignored.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from gameday.rehearsal.xray_graph import CALLS
from gameday.rehearsal.xray_store import Span, Trace, invalid

LONGEST, DEEPEST = 2_000, 40
TOKEN = re.compile(r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*")|(?P<number>-?\d+(?:\.\d+)?)|(?P<word>[A-Za-z_][\w.]*)
                       |(?P<sign><=|>=|!=|[=<>!(){}\[\],]))""", re.VERBOSE)  # fmt: skip
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TEXT: dict[str, Callable[[str, str], bool]] = {
    "=": operator.eq, "!=": operator.ne, "CONTAINS": lambda a, b: b in a,
    "BEGINSWITH": str.startswith, "ENDSWITH": str.endswith,
}  # fmt: skip
NUMBERS, TEXTS = ("responsetime", "duration", "http.status"), ("http.url", "http.method", "http.useragent",
                                                               "http.clientip", "user")  # fmt: skip
FLAGS = ("ok", "error", "throttle", "fault", "partial")


@dataclass(frozen=True)
class Subject:
    """What an expression is about: a trace, or some spans of it (inside of braces)."""

    trace: Trace
    spans: tuple[Span, ...]
    duration: float

    @classmethod
    def of(cls, trace: Trace) -> Subject:
        """The trace as a whole is what its root answered."""
        root = trace.root
        return cls(trace, (root,) if root else (), trace.seconds)

    def narrowed(self, span: Span) -> Subject:
        """About one span alone."""
        return Subject(self.trace, (span,), span.seconds)


Test = Callable[[Subject], bool]


def compiled(expression: str) -> Test:
    """A test of a trace; InvalidRequestException names what was not understood."""
    if len(expression) > LONGEST:
        raise invalid(f"A filter expression holds at most {LONGEST} characters.")
    parser = _Parser(expression)
    found = parser.either(0)
    parser.expect("")
    return found


def matches(test: Test, trace: Trace) -> bool:
    """Whether a trace passes."""
    return test(Subject.of(trace))


class _Parser:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        at = 0
        while text[at:].strip():
            match = TOKEN.match(text, at)
            if not match:
                raise invalid(f"Invalid filter expression: {text[at : at + 20]!r} was not understood.")
            self.tokens.append(match[0].strip())
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def accept(self, *wanted: str) -> bool:
        if self.peek().upper() in wanted and self.peek():
            self.at += 1
            return True
        return False

    def expect(self, wanted: str) -> None:
        if (token := self.take()) != wanted:
            raise invalid(f"Invalid filter expression: {token or 'the end'!r} where {wanted or 'the end'!r} should be.")

    # ---- grammar
    def either(self, depth: int) -> Test:
        tests = [self.both(depth)]
        while self.accept("OR"):
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda s: any(test(s) for test in tests)

    def both(self, depth: int) -> Test:
        tests = [self.one(depth)]
        while self.accept("AND"):
            tests.append(self.one(depth))
        return tests[0] if len(tests) == 1 else lambda s: all(test(s) for test in tests)

    def one(self, depth: int) -> Test:
        if depth > DEEPEST:
            raise invalid("Invalid filter expression: nested too deep.")
        if self.accept("!", "NOT"):
            test = self.one(depth + 1)
            return lambda s: not test(s)
        if self.accept("("):
            test = self.either(depth + 1)
            self.expect(")")
            return test
        word = self.take()
        if word in ("service", "edge") and self.peek() == "(":
            return self.place(word, depth)
        return self.comparison(word)

    def place(self, word: str, depth: int) -> Test:
        names = self.names()
        if len(names) != 2 if word == "edge" else len(names) > 1:
            raise invalid(f"Invalid filter expression: {word}() with {len(names)} names.")
        inner: Test = lambda s: True  # noqa: E731  # nothing asked of it but that it is there
        if self.accept("{"):
            inner = self.either(depth + 1)
            self.expect("}")
        spans = edge_spans if word == "edge" else service_spans
        return lambda s: any(inner(s.narrowed(span)) for span in spans(s.trace, names))

    def names(self) -> list[str]:
        self.expect("(")
        found: list[str] = []
        while self.peek() != ")":
            found.append(self.text())
            if not self.accept(","):
                break
        self.expect(")")
        return found

    def text(self) -> str:
        token = self.take()
        if not token.startswith('"'):
            raise invalid(f"Invalid filter expression: {token or 'the end'!r} where a text in quotes should be.")
        return re.sub(r"\\(.)", r"\1", token[1:-1])

    def comparison(self, word: str) -> Test:
        if word in FLAGS:
            return self.flag(word)
        if word in NUMBERS:
            compare, wanted = self.sign(ORDER), self.number()
            return lambda s: any(v is not None and compare(v, wanted) for v in numbers(word, s))
        if word in TEXTS:
            test, text = self.sign(TEXT), self.text()
            return lambda s: any(isinstance(v, str) and test(v, text) for v in texts(word, s))
        if word == "annotation" or word.startswith("annotation."):
            return self.annotation(word)
        raise invalid(f"Invalid filter expression: the rehearsal does not know {word or 'the end'!r}.")

    def flag(self, word: str) -> Test:
        wanted = True
        if self.peek() in ("=", "!="):
            same, said = self.take() == "=", self.take().lower()
            if said not in ("true", "false"):
                raise invalid(f"Invalid filter expression: {word} is true or false.")
            wanted = (said == "true") is same
        return lambda s: flagged(word, s) is wanted

    def annotation(self, word: str) -> Test:
        key = word.partition(".")[2]
        if not key:
            self.expect("[")
            key = self.text() if self.peek().startswith('"') else self.take()
            self.expect("]")
        if self.peek().upper() not in {*ORDER, *TEXT}:
            return lambda s: any(True for _ in annotated(key, s))
        name = self.take().upper()
        wanted: Any = self.literal()
        test = TEXT.get(name) if isinstance(wanted, str) else ORDER.get(name)
        if test is None:
            raise invalid(f"Invalid filter expression: {name} does not fit this value of an annotation.")
        kind: Any = str if isinstance(wanted, str) else bool if isinstance(wanted, bool) else (int, float)
        return lambda s: any(isinstance(v, kind) and test(v, wanted) for v in annotated(key, s))

    def literal(self) -> Any:
        if self.peek().startswith('"'):
            return self.text()
        if self.peek().lower() in ("true", "false"):
            return self.take().lower() == "true"
        return self.number()

    def sign(self, known: dict[str, Callable[[Any, Any], bool]]) -> Callable[[Any, Any], bool]:
        token = self.take()
        if token.upper() not in known:
            wanted = ", ".join(known)
            raise invalid(f"Invalid filter expression: {token or 'the end'!r} where one of {wanted} should be.")
        return known[token.upper()]

    def number(self) -> float:
        token = self.take()
        try:
            return float(token)
        except ValueError:
            raise invalid(f"Invalid filter expression: {token or 'the end'!r} where a number should be.") from None


def service_spans(trace: Trace, names: list[str]) -> Iterable[Span]:
    """Segments of a service (of any, where there is no name), and calls to what sends no segments itself."""
    called = trace.called_by()
    for segment in trace.segments.values():
        if not names or segment.name == names[0]:
            yield segment
        for part in segment.all_parts():
            if part.namespace in CALLS and part.id not in called and (not names or part.name == names[0]):
                yield part


def edge_spans(trace: Trace, names: list[str]) -> Iterable[Span]:
    """Calls from one service to another, as the caller met them."""
    called = trace.called_by()
    for segment in trace.segments.values():
        if segment.name == names[0]:
            for part in segment.all_parts():
                callee = called.get(part.id)
                if part.namespace in CALLS and (callee or part).name == names[1]:
                    yield part


def flagged(word: str, subject: Subject) -> bool:
    """A boolean keyword. ``throttle`` is an error too."""
    if word == "partial":
        return any(span.end is None for span in subject.trace.segments.values())
    if word == "error":
        return any(span.error or span.throttle for span in subject.spans)
    return any(getattr(span, word) for span in subject.spans)


def numbers(word: str, subject: Subject) -> Iterable[float | None]:
    """A number keyword."""
    if word == "duration":
        return (subject.duration,)
    if word == "responsetime":
        return (span.seconds for span in subject.spans)
    return (span.http.get("response", {}).get("status") for span in subject.spans)


def texts(word: str, subject: Subject) -> Iterable[Any]:
    """A text keyword."""
    if word == "user":
        return (span.user for span in subject.spans)
    key = {"useragent": "user_agent", "clientip": "client_ip"}.get(word[5:], word[5:])
    return (span.http.get("request", {}).get(key) for span in subject.spans)


def annotated(key: str, subject: Subject) -> Iterable[Any]:
    """Values of an annotation: of the whole trace, or of the spans in braces and what they hold."""
    whole = subject.spans == Subject.of(subject.trace).spans
    for segment in subject.trace.segments.values() if whole else subject.spans:
        for span in (segment, *segment.all_parts()):
            if key in span.annotations:
                yield span.annotations[key]
