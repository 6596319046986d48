"""Every format of a report: the same bytes anywhere, text of users stays text, and what is missing is said."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pypdf
import pytest
from click.testing import CliRunner

from gameday.cli.report import report as command
from gameday.errors import CouldNotStart, InvalidFiles
from gameday.journal.events import Draft
from gameday.reports.document import CUTS, LONGEST
from gameday.reports.finish import conclude
from gameday.reports.formats import Format, make
from gameday.reports.junit import junit_xml
from gameday.reports.paper import PICTURED, pictured
from tests.reports.a_day import MINUTE, a_day, plan, story, tolerances, write

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror=alert(1)> {{ 7*7 }} #eval("1") $x$ *b* @cite `r` '
    "[l](javascript:b) | =cmd()|' /C calc'!A0 \u202eevil\u2066\x1b[31m\x00\x07 ]]> &lt; \\ // "
    "\u4e2d\u6587 \U0001f525 \n# heading"
)
EXAMPLES = Path(__file__).parents[2] / "reports" / "examples"


def hostile_day(folder: Path, text: str = HOSTILE) -> Path:
    """A day of which everything that somebody may write is this text; runbooks hold 20,000 characters at most."""
    steps = [{**s.model_dump(), "title": text} for s in plan().steps]
    book = {**plan().runbooks[0].model_dump(), "title": text[:20_000]}
    book["steps"] = tuple({**s, "says": text[:20_000]} for s in book["steps"])
    mapped = ({"id": text[:300], "needs": ("payments-function",)}, {"id": "payments-function"})
    nasty: dict[str, Any] = {"title": text, "service_title": text, "hypothesis": text, "steps": tuple(steps),
                             "runbooks": (book,), "debrief": (text,), "service_map": mapped}  # fmt: skip
    notes = [(at, replace(d, what={"text": text}, who=text[:50]) if d.type == "note" else d) for at, d in story()]
    return write(folder, plan(**nasty), notes)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The hostile day in each format."""
    folder = hostile_day(tmp_path_factory.mktemp("hostile") / "r")
    formats: tuple[Format, ...] = ("md", "html", "pdf", "json", "junit")
    return {name: make(folder, name) for name in formats}


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] != "script":
            self.text += data


def test_hostile_text_is_text_in_html(made: dict[str, bytes]) -> None:
    page = _Tags()
    page.feed(made["html"].decode())
    assert "<script>alert(1)</script>" in page.text and "{{ 7*7 }}" in page.text
    assert [t for t, _ in page.tags].count("script") == 3
    for tag, attributes in page.tags:
        assert not [a for a in attributes if a.startswith("on")]
        for name in ("src", "srcset", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/svg+xml;base64,")), tag
    assert not set("\u202e\u2066\x1b\x07\x00") & set(page.text)


def test_the_page_loads_nothing_and_runs_only_its_own_two_scripts(made: dict[str, bytes]) -> None:
    text = made["html"].decode()
    policy = next(a["content"] for t, a in _tags(text) if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None and policy.startswith("default-src 'none'; img-src data:")
    assert "unsafe-eval" not in policy and policy.count("'sha256-") == 2
    scripts = policy.split("script-src")[1]
    assert "unsafe-inline" not in scripts and "http" not in policy


def _tags(text: str) -> list[tuple[str, dict[str, str | None]]]:
    page = _Tags()
    page.feed(text)
    return page.tags


def test_hostile_text_is_text_on_paper_and_can_be_searched(made: dict[str, bytes]) -> None:
    read = pypdf.PdfReader(io.BytesIO(made["pdf"]))
    said = re.sub(r"\s+", "", "".join(page.extract_text() for page in read.pages))
    for part in (
        "<script>alert(1)</script>",
        '#eval("1")',
        "$x$*b*@cite`r`[l](javascript:b)",
        "[U+4E2D][U+6587][U+1F525]",
    ):
        assert part in said
    assert not [a for page in read.pages for a in page.get("/Annots", ()) if "/URI" in a.get_object().get("/A", {})]


def test_the_pdf_is_pdf_a_with_bookmarks_contents_and_its_fonts(made: dict[str, bytes]) -> None:
    read = pypdf.PdfReader(io.BytesIO(made["pdf"]))
    root: Any = read.trailer["/Root"].get_object()
    about = root["/Metadata"].get_object().get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in about and "<pdfaid:conformance>B</pdfaid:conformance>" in about
    assert len(read.outline) >= len(CUTS["engineering"])
    assert "Contents" in "".join(page.extract_text() for page in read.pages[:6])
    pages: Any = list(read.pages)
    fonts = [f.get_object() for p in pages for f in p["/Resources"].get("/Font", {}).values()]
    inner = [f["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object() for f in fonts]
    assert inner and all({"/FontFile3", "/FontFile2"} & set(d) for d in inner)


def test_each_character_that_is_left_alone_has_a_picture_in_the_fonts() -> None:
    import typst

    text = " ".join("".join(chr(c) for c in range(first, last + 1)) for first, last in PICTURED)
    source = '#set text(font: ("Libertinus Serif", "DejaVu Sans Mono"))\n#for weight in ("regular", "bold") [' \
             '#text(weight: weight, sys.inputs.all) #text(style: "italic", sys.inputs.all)]'  # fmt: skip
    source = "#set document(date: datetime(year: 2026, month: 1, day: 1))\n" + source
    typst.compile(
        source.encode(), ignore_system_fonts=True, sys_inputs={"all": text}, format="pdf", pdf_standards="a-2b"
    )
    assert pictured({"a": ["\u4e2d", 1]}) == {"a": ["[U+4E2D]", 1]}


def test_hostile_text_is_text_in_junit_and_json(made: dict[str, bytes]) -> None:
    suites = ElementTree.fromstring(made["junit"])
    names = " ".join(case.get("name", "") for case in suites.iter("testcase"))
    assert "<script>alert(1)</script>" in names and len(list(suites.iter("testsuite"))) == 3
    assert json.loads(made["json"])["title"] == HOSTILE


def test_hostile_text_is_text_in_a_cut_of_markdown(made: dict[str, bytes]) -> None:
    from markdown_it import MarkdownIt

    page = MarkdownIt("commonmark", {"html": True}).enable("table").render(made["md"].decode())
    tags = {tag for tag, _ in _tags(page)}
    assert not tags & {"script", "img", "a"} and page.count("<h1>") == 1


@pytest.mark.parametrize("name", ["md", "html", "pdf", "junit"])
def test_a_megabyte_in_one_text_is_cut_with_a_word_about_it(tmp_path: Path, name: Format) -> None:
    folder = hostile_day(tmp_path / "r", "=A" * 500_000)
    raw = make(folder, name, "executive")
    assert len(raw) < 3_000_000
    if name != "pdf":
        assert re.search(r"1,000,0\d\d characters in all", raw.decode())
    assert LONGEST < 10_000


@pytest.mark.parametrize("name", ["md", "html", "pdf", "json", "junit"])
def test_the_same_bytes_in_any_time_zone_locale_and_hash_seed(tmp_path: Path, name: Format) -> None:
    folder = a_day(tmp_path / "r")
    here = make(folder, name, "compliance")
    code = ("import sys; from pathlib import Path; from gameday.reports.formats import make; "
            "sys.stdout.buffer.write(make(Path(sys.argv[1]), sys.argv[2], 'compliance'))")  # fmt: skip
    elsewhere = {**os.environ, "TZ": "Asia/Kathmandu", "LC_ALL": "C.UTF-8", "LANG": "tr_TR.UTF-8",
                 "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}  # fmt: skip
    there = subprocess.run(
        [sys.executable, "-c", code, str(folder), name], env=elsewhere, capture_output=True, check=True
    )
    assert there.stdout == here


@pytest.mark.parametrize(("library", "name"), [("vl_convert", "html"), ("vl_convert", "pdf"), ("typst", "pdf")])
def test_without_the_extra_a_plain_word_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str, name: Format
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(CouldNotStart, match="REPORT_EXTRA_MISSING") as caught:
        make(a_day(tmp_path / "r"), name)
    assert 'pip install "gameday[report]"' in str(caught.value)
    assert make(tmp_path / "r", "json") and make(tmp_path / "r", "md", "player")


@pytest.mark.parametrize(("file", "name", "text"), [
    ("report.html.j2", "html", "\n{{ report.nothing }}"), ("report.html.j2", "html", "{% if %}"),
    ("report.typ", "pdf", "#nothing()"), ("report.typ", "pdf", '#read("/etc/passwd")'),
    ("report.typ", "pdf", '#read("/gameday.yaml")'), ("report.typ", "pdf", '#import "@preview/cetz:0.3.4"'),
    ("cut.md.j2", "md", "{{ ''.__class__.__mro__ }}"),
])  # fmt: skip
def test_a_template_of_the_workspace_that_fails_or_reaches_out_is_named(
    tmp_path: Path, file: str, name: Format, text: str
) -> None:
    (tmp_path / "gameday.yaml").write_text("")
    (tmp_path / "reports" / "templates").mkdir(parents=True)
    (tmp_path / "reports" / "templates" / file).write_text(text)
    with pytest.raises(InvalidFiles, match="TEMPLATE_BROKEN") as caught:
        make(a_day(tmp_path / "runs" / "r"), name, "executive")
    assert file in str(caught.value) and "root:" not in str(caught.value)


def test_junit_passes_nothing_that_is_not_proven(tmp_path: Path) -> None:
    unread = a_day(tmp_path / "whole")
    assert kinds(unread)["payments-outage"] == ""
    lost = write(tmp_path / "lost", plan(tolerances=tolerances(lost=True)), story())
    assert kinds(lost)["payments-lost"] == "error" and kinds(lost)["outcome: inconclusive"] == "error"
    strict = [t.model_copy(update={"limit": MINUTE}) for t in tolerances()[:1]]
    told = write(tmp_path / "breached", plan(tolerances=tuple(strict)), story())
    assert kinds(told)["payments-outage"] == "failure" and kinds(told)["outcome: breached"] == "failure"
    paper = write(tmp_path / "paper", plan(method="tabletop"), story())
    assert kinds(paper)["payments-outage"] == "error" and kinds(paper)["outcome: not tested"] == "error"


def kinds(folder: Path) -> dict[str, str]:
    cases = ElementTree.fromstring(junit_xml(folder)).iter("testcase")
    return {c.get("name", ""): "".join(e.tag for e in c if e.tag in ("failure", "error")) for c in cases}


def test_every_cut_has_a_word_in_each_of_its_sections(tmp_path: Path) -> None:
    folder = write(tmp_path / "r", plan(method="tabletop"), [s for s in story() if s[0] < -630])
    for audience in CUTS:
        text = make(folder, "md", audience).decode()
        parts = re.split(r"^## .*$", text, flags=re.M)[1:]
        assert len(parts) == len(CUTS[audience]) and all(part.strip() for part in parts)


def test_the_command_writes_beside_the_run_or_where_it_is_told(tmp_path: Path) -> None:
    folder = a_day(tmp_path / "r")
    ask = CliRunner().invoke
    assert ask(command, [str(folder), "--for", "player"]).exit_code == 0
    assert ask(command, [str(folder), "--format", "json", "--out", str(tmp_path / "x.json")]).exit_code == 0
    assert (folder / "report-player.md").is_file() and json.loads((tmp_path / "x.json").read_text())[
        "outcome"
    ] == "within"
    assert "payments-outage" in ask(command, [str(folder), "--format", "junit", "--print"]).output
    assert ask(command, [str(folder), "--format", "pdf", "--print"]).exit_code == 2


def test_a_breach_and_a_service_that_failed_stand_on_the_first_page(tmp_path: Path) -> None:
    strict = tuple(t.model_copy(update={"limit": MINUTE}) for t in tolerances()[:1])
    folder = write(tmp_path / "r", plan(tolerances=strict), [*story(), (30.0, Draft("note", {"text": "x"}, "a"))])
    text = make(folder, "md", "executive").decode()
    assert "payments-outage is breached: 7:20 to 8:00" in text and "Decide who remedies what breached" in text


def test_the_examples_that_ship_are_what_this_version_makes(tmp_path: Path) -> None:
    """Make them again: GAMEDAY_EXAMPLES=1 pytest tests/reports/test_formats.py."""
    folder = a_day(tmp_path / "r")
    conclude(folder)
    wanted: tuple[tuple[str, Format], ...] = (("-executive.md", "md"), (".json", "json"), (".junit.xml", "junit"))
    for ending, name in wanted:
        example, raw = EXAMPLES / f"payment-functions-stop{ending}", make(folder, name, "executive")
        if os.environ.get("GAMEDAY_EXAMPLES"):
            example.write_bytes(raw)
        assert example.read_bytes() == raw
