"""JUnit XML of a run, as every CI system reads it: a suite for the outcome, the tolerances, and what was expected.

A tolerance that is breached is a failure; one that is inconclusive or was not tested is an error, never a pass and
never skipped, since nobody knows. An expectation that was missed is a failure of its own suite: it is worth a look, and
it changes neither the outcome nor the exit code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from gameday.errors import EXIT_CODES
from gameday.reports.escape import plain
from gameday.reports.finish import judge_folder, read_run
from gameday.reports.summary import in_short, span
from gameday.reports.words import OUTCOMES, interval, reasons, worded

LONGEST = 4_000  # characters of a message; all of it stands in report.json
AS_HOPED = ("met", "done")


@dataclass(frozen=True)
class Case:
    """One line of the suite. ``kind`` is failure, error, or empty for a pass."""

    name: str
    kind: str
    type: str
    message: str
    told: str = ""
    seconds: float | None = None


def junit_xml(run_dir: Path) -> str:
    """The run in this folder as JUnit XML, pure from the folder; DamagedRun when it cannot be trusted."""
    folder = read_run(run_dir)
    verdict, plan = judge_folder(folder), folder.plan
    run = plain(verdict["run"] or run_dir.name)
    titles = {step.id: step.title for step in plan.steps}
    lasted = (folder.events[-1].at - folder.events[0].at) / 1000
    suites = [
        _suite(f"{plan.scenario}: outcome", run, verdict, [_outcome(verdict, lasted)]),
        _suite(f"{plan.scenario}: tolerances", run, verdict, [_tolerance(t, verdict) for t in verdict["tolerances"]]),
        _suite(f"{plan.scenario}: expectations", run, verdict, [_expected(e, titles) for e in verdict["expectations"]]),
    ]
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', "<testsuites>", *suites, "</testsuites>"]) + "\n"


def _outcome(verdict: dict[str, Any], lasted: float) -> Case:
    outcome = verdict["outcome"]
    kind = "" if outcome == "within" else "failure" if EXIT_CODES[outcome] in (1, 6) else "error"
    return Case(f"outcome: {outcome}", kind, outcome, OUTCOMES[outcome], in_short(verdict), lasted)


def _tolerance(judged: dict[str, Any], verdict: dict[str, Any]) -> Case:
    tested, found = verdict["outcome"] != "not tested", judged["verdict"]
    kind = "failure" if found == "breached" else "" if found == "within" and tested else "error"
    known = "METRIC_NOT_MEASURED" not in judged["codes"]
    measured = span(*interval(judged)) if known else "not measured"
    message = f"{measured}, limit {worded(judged, 'limit')}"
    told = [*reasons(judged), f"Evidence: {', '.join(judged['evidence']) or 'none'}"]
    return Case(judged["id"], kind, found if tested else "not tested", message, "\n".join(told))


def _expected(found: dict[str, Any], titles: dict[str, str]) -> Case:
    kind = "" if found["result"] in AS_HOPED else "failure"
    shown = f"Evidence: {', '.join(found['evidence']) or 'none'}"
    message = f"{found['result']}: {found['why'] or 'no reason recorded'}"
    return Case(f"{found['id']}: {titles[found['id']]}", kind, found["result"], message, shown, found["after_s"])


def _suite(name: str, run: str, verdict: dict[str, Any], cases: Sequence[Case]) -> str:
    counts = {kind: sum(c.kind == kind for c in cases) for kind in ("failure", "error")}
    head = {"name": name, "tests": len(cases), "failures": counts["failure"], "errors": counts["error"], "skipped": 0}
    if verdict["t_go"]:
        head["timestamp"] = verdict["t_go"].removesuffix("Z")
    lines = [f"  <testsuite{_attributes(head.items())}>", "    <properties>"]
    for key, value in (("run", run), ("environment", verdict["environment"]), ("plan_digest", verdict["plan_digest"])):
        lines.append(f"      <property{_attributes([('name', key), ('value', value)])}/>")
    lines += ["    </properties>", *(_case(name, case) for case in cases), "  </testsuite>"]
    return "\n".join(lines)


def _case(suite: str, case: Case) -> str:
    timed = [] if case.seconds is None else [("time", f"{case.seconds:.3f}")]
    head = f"    <testcase{_attributes([('classname', suite), ('name', case.name), *timed])}"
    told = "\n".join(escape(_short(line)) for line in case.told.splitlines())
    if not case.kind:
        return f"{head}><system-out>{told}</system-out></testcase>" if told else f"{head}/>"
    wrong = f"<{case.kind}{_attributes([('type', case.type), ('message', case.message)])}>{told}</{case.kind}>"
    return f"{head}>{wrong}</testcase>"


def _attributes(pairs: Iterable[tuple[str, object]]) -> str:
    return "".join(f" {key}={quoteattr(_short(value))}" for key, value in pairs)


def _short(value: object) -> str:
    text = plain(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} (cut: {len(text):,} characters in all)"
