"""Where runs are: ids that never collide, the one that is meant, and the one that is conducted."""

import fcntl
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gameday.clock import from_iso
from gameday.errors import CouldNotStart
from gameday.runs import LOCK, all_runs, find_run, is_live, make_run, new_run_id, runs_folder

AT = from_iso("2026-11-23T10:12:59Z")
ID = "20261123-1012-payment-functions-stop"


def a_run(root: Path, name: str, changed: int = 0) -> Path:
    folder = runs_folder(root) / name
    folder.mkdir(parents=True)
    (folder / "journal.jsonl").touch()
    os.utime(folder / "journal.jsonl", (changed, changed))
    return folder


def test_an_id_is_the_minute_in_utc_and_the_scenario() -> None:
    assert new_run_id("payment-functions-stop", AT) == ID
    assert new_run_id("payment-functions-stop", AT, {ID, f"{ID}-2"}) == f"{ID}-3"


def test_runs_that_begin_together_never_share_a_folder(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: make_run(tmp_path, "payment-functions-stop", AT), range(20)))
    assert {m.name for m in made} == {ID, *(f"{ID}-{n}" for n in range(2, 21))}
    assert all(m.parent == runs_folder(tmp_path) == tmp_path / ".gameday" / "runs" for m in made)


def test_a_run_is_live_exactly_while_its_conductor_holds_the_lock(tmp_path: Path) -> None:
    run = a_run(tmp_path, ID)
    assert not is_live(run)
    with (run / LOCK).open("w") as lock:
        assert not is_live(run)
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert is_live(run)
    assert not is_live(run)


def test_two_that_look_do_not_take_each_other_for_a_conductor(tmp_path: Path) -> None:
    run = a_run(tmp_path, ID)
    with (run / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        assert not is_live(run)


def test_a_run_is_found_by_id_by_its_beginning_or_by_path(tmp_path: Path) -> None:
    run, other = a_run(tmp_path, ID), a_run(tmp_path, f"{ID}-2")
    third = a_run(tmp_path, "20261124-0900-stop")
    assert find_run(tmp_path, ID) == run
    assert find_run(tmp_path, f"{ID}-") == other
    assert find_run(tmp_path, "20261124") == third
    assert find_run(tmp_path / "elsewhere", str(run)) == run


@pytest.mark.parametrize(
    ("text", "code", "write"),
    [("2026", "RUN_UNCLEAR", ID), ("1999", "RUN_UNKNOWN", ID), ("./nowhere", "RUN_UNKNOWN", "journal.jsonl")],
)
def test_what_is_not_clear_says_what_to_write(tmp_path: Path, text: str, code: str, write: str) -> None:
    a_run(tmp_path, ID)
    a_run(tmp_path, f"{ID}-2")
    with pytest.raises(CouldNotStart) as error:
        find_run(tmp_path, text)
    (problem,) = error.value.problems
    assert problem.code == code and write in problem.write


def test_without_a_name_it_is_the_live_run_else_the_newest(tmp_path: Path) -> None:
    old, new = a_run(tmp_path, "20261123-1012-z", 5), a_run(tmp_path, "20261124-1012-a", 1)
    assert find_run(tmp_path) == new
    with (old / LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert find_run(tmp_path) == old
        with (new / LOCK).open("w") as second:
            fcntl.flock(second, fcntl.LOCK_EX)
            with pytest.raises(CouldNotStart, match="2 runs are live"):
                find_run(tmp_path)


def test_of_one_minute_the_later_journal_is_the_newer(tmp_path: Path) -> None:
    later, earlier = a_run(tmp_path, f"{ID}-2", 9), a_run(tmp_path, f"{ID}-10", 8)
    assert all_runs(tmp_path) == [earlier, later]


def test_no_run_at_all_says_how_to_get_one(tmp_path: Path) -> None:
    (runs_folder(tmp_path) / "no-journal").mkdir(parents=True)
    for text in (None, "2026"):
        with pytest.raises(CouldNotStart, match="gameday run SCENARIO"):
            find_run(tmp_path, text)


def test_the_folder_of_a_run_is_for_its_owner_alone(tmp_path: Path) -> None:
    """What people said in it is theirs."""
    assert make_run(tmp_path, "short", 1_700_000_000_000).stat().st_mode & 0o077 == 0
