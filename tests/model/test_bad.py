"""Every code that a file can get has an example that gets it, at the place that the example says, with what to write.

An example replaces or joins a file of ``tests/data/workspace``, which is good; its first lines say
``expect: line:column`` and, where its kind does not say it, ``in: path``.
"""

import ast
import re
import shutil
from pathlib import Path

import pytest

from gameday.errors import InvalidFiles, Problem
from gameday.model.load import load_content
from gameday.wiring.checking import check_content

TESTS = Path(__file__).parents[1]
BAD = sorted(p for p in (TESTS / "bad").iterdir() if not re.fullmatch(r"L\d\d", p.stem))  # those: test_rules.py
HOME = {
    "scenario": "scenarios/pay/stop.yaml",
    "service": "scenarios/pay/service.yaml",
    "workload": "scenarios/pay/workload.yaml",
    "runbook": "runbooks/failover.md",
}
ELSEWHERE = {
    "FILE_TOO_LARGE", "FILE_UNREADABLE",  # tests/model/test_load.py: no example can be kept in a file
    "FACILITATOR_APPROVES",  # tests/people/test_briefs_debrief_roster.py: it takes two files
    "PACK_UNFILLED",  # tests/model/test_pack.py: no file gets it
}  # fmt: skip
NO_CODES = {"INSUFFICIENT_DATA", "RECOVERY_NOT_DEMONSTRATED"}  # a state of an alarm, and a code of a verdict


def problems_of(root: Path) -> list[Problem]:
    try:
        return check_content(load_content(root))
    except InvalidFiles as error:
        return error.problems


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return Path(shutil.copytree(TESTS / "data" / "workspace", tmp_path / "w"))


def test_the_good_workspace_has_no_problem(workspace: Path) -> None:
    assert problems_of(workspace) == []


@pytest.mark.parametrize("example", BAD, ids=lambda p: p.stem)
def test_a_bad_file_gets_the_code_it_is_named_after_at_its_place(example: Path, workspace: Path) -> None:
    raw = example.read_bytes()
    says = re.search(rb"# expect: (\d+):(\d+)(?: in: (\S+))?", raw)
    kind = re.search(rb"^kind: (\w+)$", raw, re.MULTILINE)
    assert says
    home = says[3].decode() if says[3] else HOME.get(kind[1].decode() if kind else "", "gameday.yaml")
    path = workspace / ("runbooks/failover.md" if example.suffix == ".md" and not says[3] else home)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(raw)
    found = problems_of(workspace)
    assert all(p.place and p.write and p.message for p in found)
    places = {(p.code, p.place.line, p.place.column) for p in found if p.place and p.place.path == str(path)}
    assert (example.stem, int(says[1]), int(says[2])) in places, found
    assert {p.code for p in found if p.severity == "error"} <= {example.stem}


def codes_in(module: Path) -> set[str]:
    tree = ast.parse(module.read_text())
    words = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {w for w in words if re.fullmatch(r"[A-Z0-9]+(_[A-Z0-9]+)+", w)}


def test_every_code_has_its_example() -> None:
    """Codes made from a word (UNKNOWN_ROLE) are not seen here; review.py makes them of the names given to it."""
    modules = [*(TESTS.parent / "gameday" / "model").glob("*.py"), TESTS.parent / "gameday" / "faults" / "check.py"]
    codes = {code for module in modules for code in codes_in(module)}
    assert codes - {p.stem for p in BAD} - ELSEWHERE - NO_CODES == set()
    review = "".join(m.read_text() for m in modules)
    named = set(re.findall(r'\.known\(\s*"(\w+)"', review))
    assert {f"UNKNOWN_{word.upper()}" for word in named} <= {p.stem for p in BAD}
