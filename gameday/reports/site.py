"""A static site of all runs, also those that were stopped: reports, lessons, register, coverage, the written record.

It opens from disk without a network and without a script. Whatever a user wrote is text in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape as html_escape
from typing import Any
from urllib.parse import quote as url_quote

from markdown_it import MarkdownIt

from gameday.errors import GamedayError
from gameday.model.rules import NAMES, Broken
from gameday.reports.coverage import coverage, tested_only
from gameday.reports.escape import plain
from gameday.reports.finish import REPORT
from gameday.reports.history import Run
from gameday.reports.lessons import learned, standing
from gameday.reports.markdown import render, template_of
from gameday.reports.pack import markdown
from gameday.reports.register import register
from gameday.reports.selfassessment import Record, self_assessment

PAGES = (("index.html", "Runs"), ("coverage.html", "Coverage"), ("register.html", "Register"),
         ("actions.html", "Actions"), ("record.html", "Written record"))  # fmt: skip
PROSE = 40  # characters from which on a cell is read as a sentence, and needs room
LONGEST = 100_000  # characters of one text; a cell of a megabyte helps nobody
STYLE = """
:root { color-scheme: light dark; --line: #c8ccd2; --dim: #5b6470; --back: #ffffff; --text: #16191d; --band: #f3f5f7;
  --good: #17653a; --bad: #a11b1b; --warn: #7a5200; --link: #0b55b3 }
@media (prefers-color-scheme: dark) { :root { --line: #3a4049; --dim: #a3acb8; --back: #14171b; --text: #e7eaee;
  --band: #1d2127; --good: #6fd39b; --bad: #ff9191; --warn: #f0c060; --link: #86b7ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif }
main { overflow-wrap: anywhere }
header, main, footer { max-width: 76rem; margin: 0 auto; padding: 0 1rem }
header { padding-top: 1rem; border-bottom: 1px solid var(--line) }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; padding: .5rem 0 .75rem }
a { color: var(--link) } nav a[aria-current] { color: var(--text); font-weight: 600; text-decoration: none }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 1.25rem 0 .5rem } h2 { font-size: 1.2rem; margin: 1.75rem 0 .5rem }
.wide { overflow-x: auto; margin-bottom: 1.25rem } table { border-collapse: collapse; width: 100%; font-size: .94rem }
th, td { text-align: left; vertical-align: top; padding: .4rem .75rem .4rem 0; border-bottom: 1px solid var(--line);
  overflow-wrap: break-word }
td:first-child { white-space: nowrap } td.long { min-width: 16rem } th { color: var(--dim); font-weight: 600 }
.good { color: var(--good); font-weight: 600 } .bad { color: var(--bad); font-weight: 600 }
.warn { color: var(--warn); font-weight: 600 } .dim, footer { color: var(--dim) }
pre, code { background: var(--band); overflow-x: auto } pre { padding: .75rem }
footer { font-size: .88rem; padding: 2rem 1rem } img { max-width: 100% }
"""
_TONES = {
    "within": "good", "breached": "bad", "unsafe": "bad", "inconclusive": "warn", "stopped": "warn",
    "not tested": "warn", "never tested": "warn", "overdue": "bad", "closed": "good", "open": "warn",
}  # fmt: skip


SAID = {
    "factors": "Contributing factors",
    "went_well": "What went well",
    "lucky": "Where we were lucky",
    "surprised": "What surprised us",
    "falsified": "Assumptions that did not hold",
}


class Html(str):
    """HTML that was made here."""

    __slots__ = ()


def text(value: object) -> Html:
    """What anybody wrote, as text."""
    if isinstance(value, Html):
        return value
    said = plain("" if value is None else value)
    shown = said if len(said) <= LONGEST else f"{said[:LONGEST]} … ({len(said) - LONGEST} characters more)"
    return Html(html_escape(shown))


def site(record: Record) -> dict[str, bytes]:
    """Every file of the site by its name; the same bytes for the same workspace and day."""
    pages = {
        "index.html": ("Runs", _runs(record)),
        "coverage.html": ("Coverage", _coverage(record)),
        "register.html": ("Register", _register(record)),
        "actions.html": ("Actions", _actions(record)),
        "record.html": ("Written record", [_markdown(markdown(self_assessment(record)))]),
    }
    found = {name: _page(name, title, parts, record) for name, (title, parts) in pages.items()}
    for run in record.runs:
        name = f"runs/{run.folder.name}.html"
        found[name] = _page(name, run.plan.title, _run(run, record), record)
        if full := _full_report(run):
            found[f"runs/{run.folder.name}.report.html"] = full
    return found


def _page(name: str, title: str, parts: Iterable[Html], record: Record) -> bytes:
    up = "../" if "/" in name else ""
    links = " ".join(_link(f"{up}{file}", words, file == name) for file, words in PAGES)
    body = "\n".join(parts)
    heading = "" if name == "record.html" else f"<h1>{text(title)}</h1>"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{text(title)} · game days</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'\">\n"
        f"<style>{STYLE}</style>\n</head>\n<body>\n<header><strong>Game days</strong>\n<nav>{links}</nav></header>\n"
        f"<main>\n{heading}\n{body}\n</main>\n<footer>As of {record.today}, from the run folders. Supports a judgement "
        "and is none; a rehearsal is a stand-in for the service.</footer>\n</body>\n</html>\n"
    ).encode("utf-8", "replace")


def _link(href: str, words: str, here: bool = False) -> Html:
    mark = ' aria-current="page"' if here else ""
    return Html(f'<a href="{html_escape(url_quote(href), quote=True)}"{mark}>{text(words)}</a>')


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> Html:
    heads = "".join(f"<th>{text(name)}</th>" for name in head)
    lines = "\n".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    empty = "" if lines else "<p>There is nothing yet.</p>"
    return Html(
        f'<div class="wide"><table><thead><tr>{heads}</tr></thead>\n<tbody>\n{lines}\n</tbody></table></div>{empty}'
    )


def _cell(value: object) -> str:
    said = text(value)
    long = ' class="long"' if not isinstance(value, Html) and len(said) > PROSE else ""
    return f"<td{long}>{said}</td>"


def _toned(word: object) -> Html:
    tone = _TONES.get(str(word), "")
    return Html(f'<span class="{tone}">{text(word)}</span>') if tone else text(word)


def _runs(record: Record) -> Iterator[Html]:
    """The newest first; none is left out."""
    rows: list[Sequence[object]] = []
    for run in reversed(record.runs):
        link = _link(f"runs/{run.folder.name}.html", run.plan.title)
        valid = "a valid test" if run.valid else "no valid test"
        valid = "held to its end" if run.valid and run.plan.method == "tabletop" else valid
        outcome = "tabletop" if run.plan.method == "tabletop" and run.valid else run.verdict["outcome"]
        rows.append((run.on, link, run.plan.service_title, run.plan.environment, _toned(outcome), valid,
                     len(run.findings)))  # fmt: skip
    yield Html("<p>Every run is here: also those that were stopped, and those that tested nothing.</p>")
    yield _table(("On", "Scenario", "Service", "Environment", "Outcome", "As a test", "Findings"), rows)
    if record.damaged:
        yield Html("<h2>Runs that cannot be read</h2>")
        yield _table(("Run", "Why"), [(lost.folder.name, lost.says) for lost in record.damaged])


def _run(run: Run, record: Record) -> Iterator[Html]:
    told = learned(run, record.runs, record.content, record.today)
    yield Html(f"<p>{text(run.id)} · {text(run.plan.environment)} · {_toned(run.verdict['outcome'])}</p>")
    if _full_report(run):
        yield Html(f"<p>{_link(f'{run.folder.name}.report.html', 'The full report, with its charts')}</p>")
    yield Html("<h2>Findings</h2>")
    yield _table(
        ("Weight", "What", "Seen before", "People say", "Actions", "Evidence"), [_finding(f) for f in told["findings"]]
    )
    for key, words in SAID.items():
        if told[key]:
            items = "".join(f"<li>{text(line)}</li>" for line in told[key])
            yield Html(f"<h2>{words}</h2>\n<ul>{items}</ul>")
    yield Html("<h2>Report</h2>")
    yield _markdown(_report(run), "h3")


def _finding(finding: dict[str, Any]) -> Sequence[object]:
    stands = {None: "nobody has said", True: "it stands", False: f"rejected: {finding['because']}"}[finding["stands"]]
    evidence = finding["evidence"]
    more = f" and {len(evidence) - 3} more" if len(evidence) > 3 else ""
    return (finding["weight"], finding["says"], len(finding["seen_before"]) or "no", stands,
            ", ".join(finding["actions"]) or "none", ", ".join(evidence[:3]) + more)  # fmt: skip


def _report(run: Run) -> str:
    try:
        return render(run.plan, run.events, run.verdict, run.id, template_of(run.folder))
    except GamedayError as error:
        return f"The report could not be made: {plain(error.problems[0].message)}"


def _full_report(run: Run) -> bytes | None:
    """report.html of the run's folder, where it was made; it is self-contained."""
    path = run.folder / REPORT.replace(".md", ".html")
    return path.read_bytes() if path.is_file() else None


def _markdown(said: str, top: str = "h1") -> Html:
    """Our own Markdown, in which users' text is escaped already; raw HTML stays text."""
    made = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image").render(said)
    made = made.replace("<table>", '<div class="wide"><table>').replace("</table>", "</table></div>")
    if top != "h1":
        for level in (4, 3, 2, 1):
            made = made.replace(f"<h{level}>", f"<h{level + 2}>").replace(f"</h{level}>", f"</h{level + 2}>")
    return Html(made)


def _coverage(record: Record) -> Iterator[Html]:
    rows = []
    for cell in tested_only(coverage(record.content, record.tested, record.today)):
        last = _toned(cell.verdict) if cell.run else _toned("never tested")
        when = f"{cell.on} ({cell.age_days} days ago, {cell.environment})" if cell.run else ""
        rows.append((cell.service, cell.kind.replace("_", " "), cell.resource, cell.adverse, last, when,
                     cell.tried or ""))  # fmt: skip
    yield Html("<p>Each resource with its last valid test. What is not here as tested was not tested.</p>")
    head = ("Service", "Kind", "Resource", "Circumstance", "Last valid test", "When and where", "Tried in vain")
    yield _table(head, rows)


def _register(record: Record) -> Iterator[Html]:
    for service in register(record.content, record.tested, record.today):
        yield Html(f"<h2>{text(service['title'])}</h2>")
        drift = service["map_drift"] or {"not_on_map": []}
        yield Html(
            f"<p>Owner: {text(service['owner'] or 'nobody')}. Review due: {text(service['review']['due'] or 'never')}. "
            f"Map due: {text(service['map_review']['due'] or 'never')}. Valid tests: {service['valid_runs']} of "
            f"{service['runs']} runs, {service['valid_rehearsals']} of them rehearsals. Not on the map: "
            f"{text(', '.join(drift['not_on_map']) or 'nothing that a trace showed')}.</p>"
        )
        yield _table(("Tolerance", "For", "Limit", "Approved by", "Review due", "Last valid verdict"),
                     [_tolerance(t) for t in service["tolerances"]])  # fmt: skip
        yield Html("<h3>Rules L01 to L20 that fire, and what answers them</h3>")
        mine = [b for b in record.broken if b.service == service["service"]]
        yield _table(("Rule", "About", "What", "Waived"), [_rule(b) for b in mine])


def _rule(broken: Broken) -> Sequence[object]:
    """A rule that fires; a waiver is printed with who answers for it, until when, and why."""
    by = broken.waived
    waived = f"by {by.by} until {by.until}: {by.because}" if by else "not answered"
    return f"{broken.rule} {NAMES[broken.rule]}", broken.subject, broken.message, waived


def _tolerance(told: dict[str, Any]) -> Sequence[object]:
    due, overdue = told["review"]["due"] or "never reviewed", told["review"]["overdue"]
    last = Html(f"{_toned(told['verdict'] or 'not judged')}, {told['age_days']} days ago, {text(told['environment'])}")
    never = told["last_valid_run"] is None
    return (told["id"], told["authority"], told["limit"], told["approved_by"] or "nobody",
            Html(f'{text(due)} <span class="bad">overdue</span>') if overdue else due,
            _toned("never tested") if never else last)  # fmt: skip


def _actions(record: Record) -> Iterator[Html]:
    rows = [(s.action.id, _toned(s.state), s.action.due, s.action.owner, s.action.do, s.action.origin.run,
             s.by or "") for s in standing(record.content, record.tested, record.today)]  # fmt: skip
    yield Html(
        "<p>A valid re-test closes an action, or a waiver that somebody answers for. Nobody sets it by hand.</p>"
    )
    yield _table(("Id", "State", "Due", "Owner", "What", "From run", "Closed by"), rows)
