"""Writes ``docs/reference/*.md`` from the code: what each command, file, code and event says of itself.

``make docs`` runs it; ``tests/test_docs.py`` fails when a page is not what the code says now. An error's words are
those of its bad example in ``tests/bad/``, or else those at the place in the code that raises it.
"""

from __future__ import annotations

import ast
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import click

from gameday.cli.main import COMMANDS, group
from gameday.conductor.given import schemas as command_schemas
from gameday.errors import EXIT_CODES, EXIT_COULD_NOT_START, EXIT_INTERNAL, GamedayError, Problem
from gameday.journal import events as event_types
from gameday.model.load import load_content
from gameday.model.rules import NAMES, RULES, Broken, Tested, review
from gameday.model.schema import schemas
from gameday.verdict.codes import CODES
from gameday.wiring.checking import check_content

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
NOTE = "<!-- Made by `make docs` from the code; change it there. -->\n"
CODE = re.compile(r"[A-Z][A-Z0-9]+(_[A-Z0-9]+)+")
ONE_WORD = re.compile(r"[A-Z]{5,}")
RULE = re.compile(r"L\d\d")
RAISING = {"Problem", "could_not_start", "error", "warn"}  # calls whose first word is a code even if it is one word
HOMES = {  # where an example in tests/bad stands in for a file of tests/data/workspace
    "scenario": "scenarios/pay/stop.yaml",
    "service": "scenarios/pay/service.yaml",
    "workload": "scenarios/pay/workload.yaml",
    "runbook": "runbooks/failover.md",
}
NOT_IN_THE_CODE = {  # what these say comes from elsewhere, case by case
    "AWS_NOT_REACHED": "a call did not get through, so nobody knows whether it had an effect",
    "AWS_REFUSED": "AWS refused a call, with its own code and words",
    "COMMAND_LINE": "the words of the command line do not fit together; what fits is in its --help",
    "FILE_UNREADABLE": "the file cannot be read: there is none, or it is not yours to read",
    "PERMISSION_UNKNOWN": "nobody can say whether a role may do what the plan needs; allow iam:SimulatePrincipalPolicy",
    "RUN_UNCLEAR": "no run has this id, or more than one run could be meant",
    "SERIES_MALFORMED": "the table of attempts and failures cannot be read",
}
EXITS = [
    (EXIT_CODES["within"], "within: every tolerance held; for other commands: done, valid"),
    (EXIT_CODES["breached"], "breached: a tolerance did not hold"),
    (2, "the command line is wrong"),
    (EXIT_CODES["inconclusive"], "inconclusive: the data cannot say; or not tested: no fault was effective"),
    (EXIT_CODES["stopped"], "stopped: a guard or a person ended the run"),
    (EXIT_COULD_NOT_START, "could not start: a file is not valid, access is missing, or the envelope refuses"),
    (EXIT_CODES["unsafe"], "unsafe: something injected was not seen gone"),
    (EXIT_INTERNAL, "our own fault; please report it"),
]


def commands() -> str:
    """The help of every command, as it is printed."""
    parts = ["# Commands\n", NOTE, _help("gameday", group)]
    for heading, names in COMMANDS.items():
        parts.append(f"## {heading}\n")
        for name in names:
            command = group.get_command(click.Context(group), name)
            assert command is not None
            parts += [f"### gameday {name}\n", *_helps(f"gameday {name}", command)]
    return "\n".join(parts)


def _helps(name: str, command: click.Command) -> Iterator[str]:
    yield _help(name, command)
    if isinstance(command, click.Group):
        for child, inner in sorted(command.commands.items()):
            yield from _helps(f"{name} {child}", inner)


def _help(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, terminal_width=100, max_content_width=100,
                            help_option_names=["-h", "--help"])  # fmt: skip
    text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    return f"```text\n{text}\n```\n"


def codes() -> str:
    """Exit codes, codes of a verdict, and errors."""
    parts = ["# Codes\n", NOTE, "## Exit codes\n", "| code | meaning |", "|---|---|"]
    parts += [f"| {code} | {says} |" for code, says in EXITS]
    parts += ["", "## Codes of a verdict\n", "Each says why a verdict is less than certain. None softens a breach.\n"]
    parts += ["| code | meaning |", "|---|---|", *(f"| `{code}` | {says} |" for code, says in CODES.items())]
    parts += ["", "## Errors and warnings\n", "`...` stands for what differs from case to case.\n"]
    parts += ["| code | for example | what to write or do |", "|---|---|---|"]
    found = {**errors_in_code(), **errors_of_examples()}
    for code, (message, write) in sorted(found.items()):
        meaning = message if re.search(r"\w", message) else NOT_IN_THE_CODE.get(code, message)
        parts.append(f"| `{code}` | {_cell(meaning)} | {_cell(write)} |")
    return "\n".join([*parts, ""])


def _cell(text: str) -> str:
    return re.sub(r"([|`])", r"\\\1", " ".join(text.split())).replace("<", "&lt;")


def errors_of_examples() -> dict[str, tuple[str, str]]:
    """What each example in ``tests/bad`` is told, and what to write; ValueError when it does not get its code."""
    found = {}
    for example in sorted(p for p in (ROOT / "tests" / "bad").iterdir() if not RULE.fullmatch(p.stem)):
        problem = next((p for p in _problems(example) if p.code == example.stem), None)
        if problem is None:
            raise ValueError(f"{example.name} does not get its code")
        found[problem.code] = (problem.message, problem.write)
    return found


def _problems(example: Path) -> list[Problem]:
    raw = example.read_bytes()
    where, kind = re.search(rb"# expect: \S+ in: (\S+)", raw), re.search(rb"^kind: (\w+)$", raw, re.MULTILINE)
    fallback = "runbooks/failover.md" if example.suffix == ".md" else "gameday.yaml"
    home = where[1].decode() if where else HOMES.get(kind[1].decode() if kind else "", fallback)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(ROOT / "tests" / "data" / "workspace", Path(folder) / "w"))
        (root / home).parent.mkdir(exist_ok=True)
        (root / home).write_bytes(raw)
        try:
            found = check_content(load_content(root))
        except GamedayError as error:
            found = error.problems
        return [Problem(p.code, p.message.replace(f"{root}/", ""), p.write.replace(f"{root}/", "")) for p in found]


def errors_in_code() -> dict[str, tuple[str, str]]:
    """Each call that names a code, a message and what to write, with the words that stand there."""
    found: dict[str, tuple[str, str]] = {}
    for module in sorted((ROOT / "gameday").rglob("*.py")):
        tree = ast.parse(module.read_text())
        shared = _imported(tree) | {
            k: v for n in tree.body for k, v in _assigned(n).items() if isinstance(n, ast.Assign)
        }
        for scope in _scopes(tree):
            names = shared | _assigned(scope)
            for call in (n for n in ast.walk(scope) if isinstance(n, ast.Call)):
                if record := _record(call, names):
                    if record[1] or record[0] not in found:  # the nearest scope comes last, and its names are right
                        found[record[0]] = record[1:]
    return found


def _imported(tree: ast.Module) -> dict[str, ast.expr]:
    """Words that another of our modules names, under the name by which they are imported."""
    found: dict[str, ast.expr] = {}
    for node in (n for n in tree.body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("gameday.")):
        path = ROOT / f"{str(node.module).replace('.', '/')}.py"
        if path.is_file() and any(alias.name.isupper() for alias in node.names):
            there = {k: v for n in ast.parse(path.read_text()).body if isinstance(n, ast.Assign)
                     for k, v in _assigned(n).items()}  # fmt: skip
            found |= {a.name: there[a.name] for a in node.names if isinstance(there.get(a.name), ast.Constant)}
    return found


def _scopes(tree: ast.Module) -> Iterator[ast.AST]:
    """The module, then each function, so that the nearest name wins."""
    yield tree
    yield from (n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def _record(call: ast.Call, names: dict[str, ast.expr]) -> tuple[str, str, str] | None:
    by_name = {keyword.arg: keyword.value for keyword in call.keywords}
    args = [*call.args, *(by_name[k] for k in ("code", "message", "write") if k in by_name)][:3]
    code = args[0].value if args and isinstance(args[0], ast.Constant) else None
    if len(args) < 3 or not isinstance(code, str):
        return None
    if not CODE.fullmatch(code) and not (_called(call) in RAISING and ONE_WORD.fullmatch(code)):
        return None
    return code, _words(args[1], names), _words(args[2], names)


def _called(call: ast.Call) -> str:
    """``error`` of ``case.error(...)``."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _assigned(scope: ast.AST) -> dict[str, ast.expr]:
    """``name = words``, also of a tuple, in this scope."""
    found: dict[str, ast.expr] = {}
    for node in (n for n in ast.walk(scope) if isinstance(n, ast.Assign)):
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=False))
        found |= {name.id: words for name, words in pairs if isinstance(name, ast.Name)}
    return found


def _words(node: ast.expr, names: dict[str, ast.expr]) -> str:
    if isinstance(node, ast.Name) and node.id in names:
        return _words(names[node.id], {k: v for k, v in names.items() if k != node.id})
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_words(part, {}) if isinstance(part, ast.Constant) else "..." for part in node.values)
    if isinstance(node, ast.BinOp):
        return _words(node.left, names) + _words(node.right, names)
    return _words(node.body, names) if isinstance(node, ast.IfExp) else "..."


def events() -> str:
    """The table of event types, as it stands above the code."""
    return f"# Events of a journal\n\n{NOTE}\n```text\n{(event_types.__doc__ or '').strip()}\n```\n"


def rules() -> str:
    """L01 to L20: what each asks, and what its bad example is told."""
    said = (
        "`gameday lint --regulatory` asks them. E: evidence stays a draft until it is put right or waived. W: to be "
        "answered by a waiver. None of them stops a run, and a rehearsal counts for none.\n"
    )
    parts = ["# Rules L01 to L20\n", NOTE, said]
    parts += ["| rule | E or W | asks | for example | what to write |", "|---|---|---|---|---|"]
    for example in sorted(p for p in (ROOT / "tests" / "bad").iterdir() if RULE.fullmatch(p.stem)):
        broken = _broken(example)
        told = (str(RULES[broken.rule].__doc__), broken.message, broken.write)
        cells = " | ".join(_cell(words) for words in told)
        parts.append(f"| **{broken.rule}** {NAMES[broken.rule]} | {broken.severity} | {cells} |")
    return "\n".join([*parts, ""])


def _broken(example: Path) -> Broken:
    """What its example gets; ValueError when it does not."""
    text = example.read_text()
    head, runs = re.search(r"# in: (\S+)", text), re.search(r"# runs: (.*)", text)
    good = {"run": "20261101-1000-stop", "on": date(2026, 11, 1), "service": "pay", "scenario": "stop",
            "communicated": True, "resources": {"scheme", "network"}, "environment": "staging"}  # fmt: skip
    tested = [Tested(**{**good, **run}) for run in (json.loads(runs[1]) if runs else [{}])]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(ROOT / "tests" / "data" / "regulated", Path(folder) / "w"))
        (root / head[1] if head else root).write_text(text)
        found = review(load_content(root), tested, date(2026, 11, 24), "pay")
    if [broken.rule for broken in found] != [example.stem]:
        raise ValueError(f"{example.name} does not get its rule alone")
    return found[0]


def files() -> str:
    """Every kind of file, and its keys."""
    parts = ["# Files\n", NOTE]
    parts.append("Editors complete and check them with the schemas that `gameday lint --write-schemas` writes.\n")
    for kind, schema in schemas().items():
        parts += [f"## kind: {kind}\n", " ".join(str(schema.get("description", "")).replace("``", "`").split()) + "\n"]
        parts += ["| key | must be there |", "|---|---|"]
        needed = schema.get("required", [])
        parts += [f"| `{key}` | {'yes' if key in needed else 'no'} |" for key in schema["properties"]] + [""]
    return "\n".join(parts)


def inbox() -> str:
    """What a command in a run's inbox holds, by its kind."""
    parts = ["# Commands of the inbox\n", NOTE]
    parts.append("A file `inbox/ID.json` of a run: `{id, kind, who, what}`; `who` is the role that gives it.\n")
    for kind, schema in command_schemas().items():
        says = " ".join(str(schema.get("description", "")).split())
        parts += [f"## {kind}\n", f"{says}\n", "| key | must be there | shape |", "|---|---|---|"]
        needed = schema.get("required", [])
        for key, shape in schema["properties"].items():
            plain = {k: v for k, v in shape.items() if k not in ("title", "description")}
            must = "yes" if key in needed else "no"
            parts.append(f"| `{key}` | {must} | {_cell(json.dumps(plain))} |")
        parts.append("")
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "commands": commands,
    "codes": codes,
    "events": events,
    "files": files,
    "inbox": inbox,
    "rules": rules,
}


def pages() -> dict[Path, str]:
    """Each page's path and text."""
    return {REFERENCE / f"{name}.md": make() for name, make in PAGES.items()}


def stale() -> list[str]:
    """Names of pages that are not what the code says now, that are missing, or that nothing makes any more."""
    made = pages()
    changed = {path.name for path, text in made.items() if not path.exists() or path.read_text() != text}
    return sorted(changed | {path.name for path in REFERENCE.iterdir() if path not in made})


def main() -> None:
    """Write all pages; with ``--check`` only say which are stale, and exit 1 when one is."""
    if sys.argv[1:] == ["--check"]:
        found = stale()
        sys.exit(f"make docs: {', '.join(found)}" if found else 0)
    REFERENCE.mkdir(parents=True, exist_ok=True)
    for path, text in pages().items():
        path.write_text(text)
        sys.stdout.write(f"{path.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
