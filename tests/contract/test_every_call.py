"""Each call of these services that the product makes has a contract test of its name, and a row in docs/fidelity.md."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.loaders import Loader

ROOT = Path(__file__).parents[2]
SERVICES = ("fis", "cloudwatch", "xray", "ssm", "logs", "application-signals")
ANY = {  # whoever opens a client by a name that is not written there, and why no call hides behind it
    "gameday/aws.py": "the door itself",
    "gameday/faults/prerequisites.py": "a table of reads of other services",
    "gameday/faults/reads.py": "a table of reads of other services",
    "gameday/wiring/doctoring.py": "a table of one read of each service that a plan calls",
    "gameday/wiring/sockets.py": "the calls that a user's runbook names",
}


@cache
def operations(service: str) -> dict[str, str]:
    """Method of boto3 -> operation of AWS."""
    model = Loader().load_service_model(service, "service-2")
    return {xform_name(name): name for name in model["operations"]}


def opened(tree: ast.Module) -> Iterator[Any]:
    """The services whose clients a file opens; None for one that is not written there."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or not node.args:
            continue
        if node.func.attr in ("client", "create_client"):
            yield node.args[0].value if isinstance(node.args[0], ast.Constant) else None


def words(tree: ast.Module) -> set[str]:
    """Names of all attributes, and all strings: a method that is called, or that getattr or a paginator is given."""
    found = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    held = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    return found | {value for value in held if isinstance(value, str)}


def calls_of(source: str) -> set[tuple[str, str]]:
    """Service and operation of each call in this source."""
    tree = ast.parse(source)
    services = {service for service in opened(tree) if service in SERVICES}
    return {(s, operations(s)[word]) for s in services for word in words(tree) & operations(s).keys()}


def product() -> dict[str, str]:
    files = sorted((ROOT / "gameday").rglob("*.py"))
    found = {str(path.relative_to(ROOT)): path.read_text() for path in files}
    return {name: text for name, text in found.items() if not name.startswith("gameday/rehearsal/")}


CALLS = sorted({call for text in product().values() for call in calls_of(text)})


def test_a_call_is_found_however_it_is_written() -> None:
    """As an attribute, by the name of a paginator, or by getattr."""
    source = """
aws.client("fis").get_action(id="a")
self._pages("list_experiments")
aws.client("xray"); getattr(x, "get_service_graph")
aws.client("lambda").invoke()
"""
    wanted = {("fis", "GetAction"), ("fis", "ListExperiments"), ("xray", "GetServiceGraph")}
    assert calls_of(source) == wanted


def test_no_other_file_opens_a_client_whose_service_cannot_be_read_there() -> None:
    hidden = {name for name, text in product().items() if None in set(opened(ast.parse(text)))}
    assert hidden == set(ANY)


def test_the_scan_finds_what_every_run_calls() -> None:
    """So that an empty scan cannot pass."""
    assert len(CALLS) >= 22 and {service for service, _ in CALLS} == set(SERVICES)
    assert {("fis", "StopExperiment"), ("cloudwatch", "GetMetricData"), ("xray", "GetTraceSummaries")} <= set(CALLS)


@pytest.mark.parametrize(("service", "operation"), CALLS, ids=lambda part: part)
def test_a_call_has_a_contract_test_and_a_row(service: str, operation: str) -> None:
    name = service.replace("-", "_")
    test = f"def test_{name}_{xform_name(operation)}("
    file = Path(__file__).parent / f"test_{name}.py"
    assert test in file.read_text(), f"write {test}...) in {file.name}: what AWS takes, answers and refuses"
    page = (ROOT / "docs" / "fidelity.md").read_text()
    row = rf"^\| `{service} {operation}` \| [^|]*\w[^|]* \| [^|]*\w[^|]* \|"
    assert re.search(row, page, re.MULTILINE), (
        f"docs/fidelity.md, table of calls: | `{service} {operation}` | document |"
    )
