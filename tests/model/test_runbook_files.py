"""A runbook's steps, blocks and places are those of the file that a person reads."""

from pathlib import Path

import pytest

from gameday.errors import InvalidFiles
from gameday.model.load import load_model
from gameday.model.runbook import AwsCall, Runbook

GOOD = Path(__file__).parents[1] / "data" / "workspace" / "runbooks" / "failover.md"


def test_steps_go_on_across_headings_and_say_what_is_written_without_the_block() -> None:
    steps = load_model(GOOD, Runbook).model.steps
    assert [s.number for s in steps] == [1, 2, 3]
    assert steps[0].says == "Tell the **incident channel**.\n\nSay which Region."
    assert steps[1].says.startswith("Send all payments") and steps[1].says.endswith("It takes a minute.")
    assert "gameday" not in steps[1].says
    block = steps[1].block
    assert block and isinstance(block.do, AwsCall) and block.check
    assert (block.do.aws, block.do.parameters) == ("route53.change_resource_record_sets", {"HostedZoneId": "Z1"})
    assert (block.check.within, steps[2].block) == (120_000, None)


def test_places_inside_a_block_are_the_files_own() -> None:
    file = load_model(GOOD, Runbook).file
    lines = GOOD.read_text().split("\n")
    for key in ("do", "check"):
        place = file.place(("steps", 1, "block", key))
        assert lines[place.line - 1][place.column - 1 :].startswith(f"{key}:")
    assert file.place(("title",)).line == 4


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_an_unknown_key_in_a_block_is_placed_and_corrected(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "r.md"
    path.write_bytes(GOOD.read_text().replace("   check:", "   chek:").replace("\n", ending).encode())
    with pytest.raises(InvalidFiles) as caught:
        load_model(path, Runbook)
    (problem,) = caught.value.problems
    assert (problem.code, problem.write) == ("UNKNOWN_KEY", "check:")
    assert problem.place and (problem.place.line, problem.place.column) == (16, 4)


def test_numbers_inside_a_step_are_no_steps_and_other_fences_stay(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    body = "1. Do\n   1. this\n   2. that\n\n   ```sh\n   ls\n   ```\n2) Other\n"
    path.write_text("---\nkind: runbook\nid: r\ntitle: R\n---\n" + body.replace("2)", "2."))
    steps = load_model(path, Runbook).model.steps
    assert len(steps) == 2
    assert steps[0].says == "Do\n1. this\n2. that\n\n```sh\nls\n```"


def test_steps_cannot_be_written_into_the_front_matter(tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    path.write_text("---\nkind: runbook\nsteps: []\n---\n1. Do\n")
    with pytest.raises(InvalidFiles, match=r"r\.md:3:1: error UNKNOWN_KEY"):
        load_model(path, Runbook)
