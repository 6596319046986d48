"""Hostile files are refused quickly, by name; whatever bytes come in, an answer in words comes out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameday.errors import InvalidFiles
from gameday.model.markdown import parse_runbook
from gameday.model.yaml import DEEPEST, parse

LAUGHS = b"a: &a [x, x]\n" + b"".join(b"%c: &%c [*%c, *%c]\n" % (c, c, c - 1, c - 1) for c in range(98, 123))


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (LAUGHS, "YAML_ALIAS"),
        (b"a: {<<: *b}\n", "YAML_ALIAS"),
        (b"[" * 900_000, "YAML_TOO_DEEP"),
        (b"\n".join(b" " * i + b"a:" for i in range(DEEPEST + 9)), "YAML_TOO_DEEP"),
        (b"a: !!python/object/apply:os.system [id]\n", "YAML_TAG"),
        (b"!!python/name:os.system a: b\n", "YAML_TAG"),
        (b"a: !include /etc/passwd\n", "YAML_TAG"),
        (b"a: 1\n...\n---\nb: 2\n", "YAML_DOCUMENTS"),
        (b"a: 1\x00\n", "CONTROL_CHARACTER"),
        (b'a: "\\u202e"\n', "CONTROL_CHARACTER"),
        (b'"\\0": 1\n', "CONTROL_CHARACTER"),
        (b"a: 1\xc2\x85b: 2\n", "CONTROL_CHARACTER"),
        (b'"a": 1\na: 2\n', "DUPLICATE_KEY"),
        (b"a: 2026-02-30\n", "BAD_VALUE"),
        (b"\xff\xfea\x00", "NOT_UTF8"),
        (b"a: 1" + b" " * 1_000_000, "FILE_TOO_LARGE"),
    ],
)
def test_a_hostile_file_is_refused_by_name(raw: bytes, code: str) -> None:
    with pytest.raises(InvalidFiles) as caught:
        parse(raw, "x.yaml")
    assert [p.code for p in caught.value.problems] == [code]


@pytest.mark.parametrize("value", ["9" * 400, "1e999", "0x10", "1_000", "1:30:00", ".inf", "=", "<<"])
def test_numbers_of_other_dialects_stay_words(value: str) -> None:
    assert parse(f"a: {value}\n".encode(), "x").value == {"a": value}


@given(st.one_of(st.binary(max_size=80), st.text("a:-[]{}&*!|>'\"# \n?,%@`~1.\t\r\\", max_size=60).map(str.encode)))
def test_any_bytes_load_or_are_refused(raw: bytes) -> None:
    try:
        parse(raw, "x")
    except InvalidFiles as error:
        assert all(p.place and p.write for p in error.problems)


@given(st.text("123.) -`~#>\n\tgameday:{}x", max_size=80))
def test_any_markdown_is_a_runbook_or_is_refused(text: str) -> None:
    try:
        parse_runbook(b"---\nkind: runbook\n---\n" + text.encode(), "x")
    except InvalidFiles as error:
        assert all(p.place and p.write for p in error.problems)


def test_a_runbook_is_held_to_the_same_rules(tmp_path: Path) -> None:
    head = b"---\nkind: runbook\n---\n1. Do\n   ```gameday\n   a: &x 1\n   ```\n"
    with pytest.raises(InvalidFiles) as caught:
        parse_runbook(head, "r.md")
    (problem,) = caught.value.problems
    assert (problem.code, str(problem.place)) == ("YAML_ALIAS", "r.md:6:7")
