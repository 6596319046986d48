"""PDF/A-2b by Typst: contents, bookmarks, text that can be searched, fonts inside, the same bytes each time.

The template gets its data as JSON and Typst reads it as such, so no text of a user is ever parsed as Typst. Characters
that the embedded fonts have no picture of are written as ``[U+4E2D]``: PDF/A allows no missing picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from gameday.reports.charts import Spec
from gameday.reports.document import PURPOSE, Audience, Section, as_data, short
from gameday.reports.drawing import draw, missing
from gameday.reports.model import Report
from gameday.reports.templates import Template, broken

STANDARD: Literal["a-2b"] = "a-2b"
WIDTHS = {"tolerances": 66, "signals": 92, "map": 92, "timeline": 92, "clocks": 92}  # % of the line
# What Libertinus Serif and DejaVu Sans Mono, as Typst carries them, have in every style.
PICTURED = (
    (0x20, 0x7E), (0xA1, 0xAC), (0xAE, 0x1C3), (0x250, 0x2E9), (0x391, 0x3A1), (0x3A3, 0x3CE), (0x3F0, 0x45F),
    (0x1E00, 0x1E9B), (0x1E9E, 0x1EF9), (0x2010, 0x2027), (0x20A0, 0x20B5), (0x2153, 0x2184), (0x2190, 0x2220),
    (0x2241, 0x226B), (0x2500, 0x2600),
)  # fmt: skip


def pdf(
    report: Report, sections: Sequence[Section], specs: Mapping[str, Spec], audience: Audience, template: Template
) -> bytes:
    """The PDF. CouldNotStart (REPORT_EXTRA_MISSING) without typst; InvalidFiles (TEMPLATE_BROKEN) as Typst says it."""
    try:
        import typst
    except ImportError as error:
        raise missing("a PDF", "typst") from error
    told = {
        "title": short(report.title), "run": short(report.run), "service": short(report.service_title),
        "purpose": PURPOSE[audience], "template": template.words(), "sections": as_data(sections),
        "chart-widths": WIDTHS, "ended": _date(report),
    }  # fmt: skip
    inputs = {"report": json.dumps(pictured(told)), "charts": json.dumps(pictured(draw(specs)))}
    if '"@' in template.text:
        raise broken(template.path, 1, "it imports a package, and a report is made without a network")
    try:
        with TemporaryDirectory() as nowhere:  # the root: Typst reads nothing outside it, and there is nothing else
            main = Path(nowhere) / "report.typ"
            main.write_text(template.text, encoding="utf-8")
            made = typst.compile(
                main, None, Path(nowhere), ignore_system_fonts=True, format="pdf",
                sys_inputs=inputs, pdf_standards=STANDARD,
            )  # fmt: skip
    except typst.TypstError as error:
        raise broken(template.path, 1, " ".join(str(error).split())) from error
    return _bytes(made)


def _date(report: Report) -> dict[str, int]:
    """When the journal ends: PDF/A wants a date of making, and it must be the same one each time."""
    last = report.timeline[-1].at if report.timeline else "1970-01-01T00:00:00"
    parts = (int(part) for part in last[:19].replace("T", "-").replace(":", "-").split("-"))
    return dict(zip(("year", "month", "day", "hour", "minute", "second"), parts, strict=True))


def _bytes(made: object) -> bytes:
    if not isinstance(made, bytes):
        raise TypeError("typst gives one document as bytes")
    return made


def pictured(value: Any) -> Any:
    """The same, each character that has no picture written as its number."""
    if isinstance(value, str):
        return "".join(c if _has_picture(c) else f"[U+{ord(c):04X}]" for c in value)
    if isinstance(value, dict):
        return {key: pictured(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [pictured(held) for held in value]
    return value


def _has_picture(character: str) -> bool:
    return character in "\n\t" or any(first <= ord(character) <= last for first, last in PICTURED)
