"""Debian's Chromium on the pages of a console that is served on loopback, and axe-core to look at them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import uvicorn
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 360, "height": 740}
PATIENCE_MS = 20_000
AXE = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
LOOK = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations
    .map((v) => `${v.impact} ${v.id}: ${v.nodes.map((n) => n.html.slice(0, 120)).join(" | ")}`)"""


expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser that ``.ci/browser`` installs."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Its address on loopback."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        waiting = threading.Event()
        while not server.started:
            assert thread.is_alive()
            waiting.wait(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@dataclass
class Person:
    """Somebody at a browser of their own; ``wrong`` is what their browser complained of."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.wrong.append(message.text)

    def faults(self, scheme: Any, size: Any) -> list[str]:
        """What axe-core finds, and whether the page is wider than its screen."""
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size(size)
        self.page.evaluate(AXE)
        found: list[str] = self.page.evaluate(LOOK)
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        return [*found, *([f"{wide} px wide"] if wide > size["width"] else [])]


def person(browser: Browser, url: str, size: Any = WIDE) -> Person:
    """Somebody who opens this link and presses its button."""
    context = browser.new_context(viewport=size, reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    found = Person(context.new_page())
    found.page.on("console", found.heard)
    found.page.on("pageerror", lambda error: found.wrong.append(str(error)))
    found.page.goto(url)
    found.page.get_by_role("button", name="Enter as").click()
    return found
