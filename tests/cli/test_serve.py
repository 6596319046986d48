"""``gameday serve`` refuses what would be unsafe; ``gameday link`` makes, lists and revokes links."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gameday.cli.link import link
from gameday.cli.main import main
from gameday.cli.serve import serve
from gameday.clock import wall_ms
from gameday.console.access import Keyring, NoAccess
from tests.console.a_console import Day, a_day


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Day]:
    monkeypatch.chdir(tmp_path)
    with a_day(tmp_path) as made:
        made.tell(230)
        yield made


def call(*args: str) -> Result:
    return CliRunner().invoke(link, list(args))


def token_of(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout.strip().rpartition("/")[2]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "day.example", "169.254.1.1", "127.0.0.1.example"])
def test_what_others_can_reach_needs_tls(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--host", host, "--port", "0"])
    assert ended.value.code == 5
    assert "TLS_MISSING" in capsys.readouterr().err


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").touch()
    found = CliRunner().invoke(serve, ["--tls-cert", str(tmp_path / "cert.pem")])
    assert (found.exit_code, "belong together" in found.output) == (2, True)


def test_an_address_that_is_taken_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(SystemExit) as ended:
        main(["serve", "--port", str(other.getsockname()[1])])
    assert ended.value.code == 5
    assert "ADDRESS_TAKEN" in capsys.readouterr().err


def test_a_link_is_for_the_live_run_and_says_nothing_of_it(day: Day) -> None:
    found = call("--role", "player", "--as", "payments-on-call", "--expires", "2h")
    assert found.stdout.startswith("http://127.0.0.1:8765/enter/")
    assert "payment" not in found.stdout
    grant = Keyring(day.root).look(token_of(found), wall_ms())
    assert (grant.run, grant.role, grant.who) == (day.run.name, "player", "payments-on-call")
    assert abs(grant.expires_ms - wall_ms() - 2 * 3_600_000) < 60_000


def test_a_link_for_a_role_that_the_run_does_not_ask_is_refused(day: Day) -> None:
    found = call("--role", "player", "--as", "payment-on-call")
    assert found.exit_code != 0
    assert "LINK_ROLE" in str(found.exception) and "payments-on-call" in str(found.exception)


@pytest.mark.parametrize(
    "args",
    [[], ["--role", "player"], ["--role", "player", "--as", "x", "--all"], ["--role", "king"],
     ["--role", "reader", "--expires", "31d"], ["--role", "reader", "--expires", "0s"],
     ["--role", "reader", "--expires", "soon"]],
)  # fmt: skip
def test_a_link_that_makes_no_sense_is_refused(day: Day, args: list[str]) -> None:
    assert call(*args).exit_code == 2
    assert Keyring(day.root).grants() == []


def test_links_are_listed_and_revoked(day: Day) -> None:
    token = token_of(call("--role", "reader"))
    assert json.loads(call("--role", "facilitator", "--all", "--json").stdout)["run"] == "*"
    listed = [json.loads(line) for line in call("--list", "--json").stdout.splitlines()]
    assert [(g["role"], g["standing"]) for g in listed] == [("reader", "open"), ("facilitator", "open")]
    assert token not in call("--list").stdout, "the list holds no link that would open"
    assert call("--revoke", listed[0]["id"]).exit_code == 0
    with pytest.raises(NoAccess, match="withdrawn"):
        Keyring(day.root).look(token, wall_ms())
    assert "LINK_UNKNOWN" in str(call("--revoke", "0" * 16).exception)


def test_the_link_names_the_console_that_was_served_last(day: Day) -> None:
    from gameday.console.access import remember_address

    remember_address(day.root, "https://day.example")
    assert call("--role", "reader").stdout.startswith("https://day.example/enter/")
    assert call("--role", "reader", "--url", "https://other.example/").stdout.startswith("https://other.example/enter/")


def test_it_serves_ends_when_told_to_and_says_where_it_is(day: Day) -> None:
    """A process of its own, as a user starts it; a warning in it would be an error here."""
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    process = subprocess.Popen([sys.executable, "-m", "gameday", "serve", "--port", "0"], cwd=day.root, env=env,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    try:
        assert process.stdout is not None and process.stderr is not None
        where = process.stdout.readline().split()[4]
        from urllib.request import urlopen

        with urlopen(f"{where}/enter/{token_of(call('--role', 'reader'))}") as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in (0, -signal.SIGTERM)
        assert process.stderr.read() == ""
    finally:
        process.kill()
        process.communicate()
