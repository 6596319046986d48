"""Links: signed, for a time, for one browser, revocable; and what becomes of those that are none of ours."""

import json
import os
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gameday.console.access import EVERY_RUN, MAY, ROLES, Keyring, NoAccess
from gameday.errors import CouldNotStart
from tests.console.a_console import HOUR, a_day, enter

NOW = 1_800_000_000_000


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path)


def test_a_link_opens_once_and_its_session_goes_on(keyring: Keyring) -> None:
    made, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    assert keyring.look(token, NOW) == made, "a look does not use it up: chat programs look at every link"
    grant, cookie = keyring.exchange(token, NOW)
    assert grant == made
    assert keyring.session(cookie, NOW + HOUR - 1) == made
    with pytest.raises(NoAccess, match="used already"):
        keyring.exchange(token, NOW)
    with pytest.raises(NoAccess, match="used already"):
        keyring.look(token, NOW)


def test_a_link_says_nothing_of_the_run_and_the_role(keyring: Keyring) -> None:
    _, token = keyring.link("20261124-1000-payment-functions-stop", "player", "payments-on-call", NOW + HOUR)
    assert len(token) == 16 + 1 + 40
    assert set(token) <= set("0123456789abcdef.")


def test_what_has_expired_opens_nothing_to_the_millisecond(keyring: Keyring) -> None:
    _, token = keyring.link("run-1", "reader", "reader", NOW + HOUR)
    _, used = keyring.link("run-1", "reader", "reader", NOW + HOUR)
    cookie = keyring.exchange(used, NOW)[1]
    keyring.look(token, NOW + HOUR - 1)
    for attempt in (lambda: keyring.exchange(token, NOW + HOUR), lambda: keyring.session(cookie, NOW + HOUR)):
        with pytest.raises(NoAccess, match="expired"):
            attempt()


def test_one_wrong_character_anywhere_is_a_forgery(keyring: Keyring) -> None:
    _, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    for index, character in enumerate(token):
        forged = token[:index] + ("0" if character != "0" else "1") + token[index + 1 :]
        with pytest.raises(NoAccess, match="not one of ours"):
            keyring.exchange(forged, NOW)
    keyring.exchange(token, NOW)


NO_LINKS = ["", ".", "a" * 16, "a" * 16 + ".", "../../../etc/passwd.x", "é" * 16 + ".é", "\x00.\x00",
            "\ud800" * 16 + ".\ud800", "a.b.c", "." * 300]  # fmt: skip


@pytest.mark.parametrize("token", NO_LINKS)
def test_what_is_no_link_opens_nothing(keyring: Keyring, token: str) -> None:
    with pytest.raises(NoAccess):
        keyring.exchange(token, NOW)
    with pytest.raises(NoAccess):
        keyring.session(token, NOW)


def test_a_link_is_no_session_and_a_session_no_link(keyring: Keyring) -> None:
    _, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    with pytest.raises(NoAccess):
        keyring.session(token, NOW)
    _, cookie = keyring.exchange(token, NOW)
    with pytest.raises(NoAccess, match="not one of ours"):
        keyring.exchange(cookie, NOW)


def test_a_grant_that_was_changed_on_disk_opens_nothing(keyring: Keyring, tmp_path: Path) -> None:
    made, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    path = tmp_path / ".gameday" / "console" / "grants" / f"{made.id}.json"
    for change in ({"role": "facilitator"}, {"run": EVERY_RUN}, {"expires_ms": NOW + 2 * HOUR}, {"who": "other"}):
        kept = path.read_text()
        path.write_text(json.dumps({**json.loads(kept), **change}))
        with pytest.raises(NoAccess, match="not one of ours"):
            keyring.exchange(token, NOW)
        path.write_text(kept)


def test_revoking_ends_the_link_and_its_session(keyring: Keyring) -> None:
    open_, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    used, other = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    cookie = keyring.exchange(other, NOW)[1]
    assert [keyring.standing(g, NOW) for g in (open_, used)] == ["open", "used"]
    keyring.revoke(open_.id)
    keyring.revoke(used.id)
    for attempt in (lambda: keyring.exchange(token, NOW), lambda: keyring.session(cookie, NOW)):
        with pytest.raises(NoAccess, match="withdrawn"):
            attempt()
    assert [keyring.standing(g, NOW) for g in (open_, used)] == ["revoked", "revoked"]
    with pytest.raises(KeyError):
        keyring.revoke("0" * 16)


def test_a_console_that_is_started_again_knows_its_sessions_and_its_used_links(
    keyring: Keyring, tmp_path: Path
) -> None:
    made, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    cookie = keyring.exchange(token, NOW)[1]
    again = Keyring(tmp_path)
    assert again.session(cookie, NOW) == made
    with pytest.raises(NoAccess, match="used already"):
        again.exchange(token, NOW)


def test_another_workspace_opens_nothing_here(keyring: Keyring, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    _, token = Keyring(tmp_path / "other").link("run-1", "facilitator", "facilitator", NOW + HOUR)
    with pytest.raises(NoAccess, match="not one of ours"):
        keyring.exchange(token, NOW)


def test_nobody_else_reads_the_key_or_the_grants(keyring: Keyring, tmp_path: Path) -> None:
    keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)
    key = tmp_path / ".gameday" / "console.key"
    held = [key, *(tmp_path / ".gameday" / "console" / "grants").iterdir()]
    assert {p.stat().st_mode & 0o777 for p in held} == {0o600}
    os.chmod(key, 0o644)
    with pytest.raises(CouldNotStart, match="CONSOLE_KEY_OPEN"):
        Keyring(tmp_path)


def test_a_key_that_was_cut_short_is_not_used(tmp_path: Path) -> None:
    Keyring(tmp_path)
    (tmp_path / ".gameday" / "console.key").write_bytes(b"short")
    with pytest.raises(CouldNotStart, match="CONSOLE_KEY_SHORT"):
        Keyring(tmp_path)


def test_of_twenty_browsers_that_use_one_link_at_once_one_gets_in(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    keyring = Keyring(tmp_path)
    _, token = keyring.link("run-1", "player", "payments-on-call", NOW + HOUR)

    def attempt(_number: int) -> bool:
        try:
            keyring.exchange(token, NOW)
        except NoAccess:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(20))) == 1


def test_nobody_scores_or_ticks_for_somebody_else() -> None:
    """The evaluator is no player, and the facilitator is neither (semantics: people)."""
    assert [r for r in ROLES if "score" in MAY[r]] == ["evaluator"]
    assert [r for r in ROLES if "tick" in MAY[r]] == ["player"]
    assert [r for r in ROLES if "abort" in MAY[r]] == ["facilitator"]
    assert MAY["reader"] == frozenset()


def test_the_cookie_is_for_this_site_alone(tmp_path: Path) -> None:
    for tls, name in ((False, "gameday"), (True, "__Host-gameday")):
        root = tmp_path / name
        root.mkdir()
        with a_day(root, tls=tls) as day:
            app = day.app()
            _, token = app.state.console.keyring.link(EVERY_RUN, "reader", "reader", day.clock.wall() + HOUR)
            client = TestClient(app, follow_redirects=False, base_url="https://testserver")
            found = client.post("/enter", data={"token": token}).headers["set-cookie"]
            assert found.startswith(f"{name}=")
            assert "HttpOnly" in found and "SameSite=strict" in found and "Path=/" in found
            assert ("Secure" in found) == tls
            assert "Max-Age=3600" in found


def test_the_browser_that_went_in_goes_on_by_the_same_link(tmp_path: Path) -> None:
    with a_day(tmp_path) as day:
        app = day.app()
        _, token = app.state.console.keyring.link(day.run.name, "reader", "reader", day.clock.wall() + HOUR)
        first, second = (TestClient(app, follow_redirects=False) for _ in range(2))
        assert first.post("/enter", data={"token": token}).status_code == 303
        assert first.get(f"/enter/{token}").status_code == 303
        assert second.get(f"/enter/{token}").status_code == 403
        assert second.post("/enter", data={"token": token}).status_code == 403
        assert second.get("/api/session").status_code == 401


def test_a_session_that_is_over_or_withdrawn_opens_nothing_more(tmp_path: Path) -> None:
    with a_day(tmp_path) as day:
        day.tell(0)
        app = day.app()
        gone, late = (enter(app, "reader", run=day.run) for _ in range(2))
        assert gone.get("/api/runs/mine").status_code == 200
        app.state.console.keyring.revoke(gone.grant.id)
        assert gone.get("/api/runs/mine").status_code == 401
        assert gone.get("/api/runs/mine/stream?once=true").status_code == 401
        assert late.get("/api/runs/mine").status_code == 200
        day.clock.advance(HOUR)
        assert late.get("/api/runs/mine").status_code == 401
