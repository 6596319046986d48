"""One run in every format, for every audience, from its folder alone: what ``gameday report --format`` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from gameday.reports.document import PURPOSE, Audience, as_data, shortened
from gameday.reports.endings import document
from gameday.reports.finish import Folder, judge_folder, read_run
from gameday.reports.junit import junit_xml
from gameday.reports.markdown import compiled, tidy
from gameday.reports.model import Report
from gameday.reports.record import record
from gameday.reports.templates import fill, find_template

Format = Literal["md", "html", "pdf", "json", "junit"]
FILES: dict[Format, str] = {"md": "md", "html": "html", "pdf": "pdf", "json": "json", "junit": "junit.xml"}
WHOLE: tuple[Format, ...] = ("json", "junit")  # the same for everybody


def file_name(made: Format, audience: Audience | None) -> str:
    """``report.pdf``, ``report-executive.pdf``"""
    cut = "" if audience is None or made in WHOLE else f"-{audience}"
    return f"report{cut}.{FILES[made]}"


def make(run_dir: Path, made: Format, audience: Audience | None = None) -> bytes:
    """The report of this run; DamagedRun when its folder cannot be trusted, CouldNotStart (REPORT_EXTRA_MISSING) when
    the extra for this format is not installed, InvalidFiles (TEMPLATE_BROKEN) when a template fails."""
    if made == "junit":
        return junit_xml(run_dir).encode()
    folder = read_run(run_dir)
    report = report_of(folder)
    if made == "json":
        return (report.model_dump_json(by_alias=True, indent=1) + "\n").encode()
    return _drawn(folder, report, made, audience or "engineering")


def report_of(folder: Folder) -> Report:
    """The report of a folder that was read, as data."""
    verdict = judge_folder(folder)
    return record(folder.plan, folder.events, verdict, verdict["run"] or folder.path.name)


def _drawn(folder: Folder, report: Report, made: Format, audience: Audience) -> bytes:
    from gameday.reports.charts import charts
    from gameday.reports.page import html
    from gameday.reports.paper import pdf

    sections = document(report, audience)
    if made == "md":
        template = find_template("cut.md.j2", folder.path)
        content = {"report": shortened(report.model_dump(mode="json", by_alias=True)), "sections": as_data(sections),
                   "purpose": PURPOSE[audience], "template": template.words()}  # fmt: skip
        return tidy(fill(template, compiled(template), content)).encode()
    wanted = {b.name for s in sections for b in s.blocks if b.kind == "chart"}
    specs = {name: spec for name, spec in charts(report, folder.plan, folder.events).items() if name in wanted}
    if made == "html":
        return html(report, sections, specs, audience, find_template("report.html.j2", folder.path)).encode()
    return pdf(report, sections, specs, audience, find_template("report.typ", folder.path))
