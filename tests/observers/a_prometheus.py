"""A real Prometheus on a loopback port, from Debian's package, and a tiny exporter that it scrapes."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

READY_S = 60


def installed(name: str) -> str:
    """The path of a program of the package; its absence is a failure, never a skip."""
    found = shutil.which(name, path="/usr/bin:/usr/local/bin")
    assert found, f"{name} is missing: apt-get install prometheus (.ci/run does)"
    return found


def backfill(folder: Path, lines: Sequence[str]) -> None:
    """Put old samples into a Prometheus that is not up yet. Lines of OpenMetrics, oldest first."""
    source = folder / "past.om"
    source.write_text("".join(f"{line}\n" for line in [*lines, "# EOF"]))
    command = [installed("promtool"), "tsdb", "create-blocks-from", "openmetrics", str(source), str(folder / "data")]
    subprocess.run(command, check=True, capture_output=True, timeout=READY_S)


@contextmanager
def exporter() -> Iterator[tuple[CollectorRegistry, int]]:
    """A registry, and the loopback port where it is scraped."""
    registry = CollectorRegistry()
    server, thread = start_http_server(0, "127.0.0.1", registry)
    assert isinstance(server, WSGIServer)
    try:
        yield registry, server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def prometheus(folder: Path, scraped: Sequence[int] = ()) -> Iterator[str]:
    """A server that scrapes these loopback ports each second; gives its URL."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    targets = ", ".join(f'"127.0.0.1:{p}"' for p in scraped)
    config = folder / "prometheus.yml"
    config.write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        f"scrape_configs: [{{job_name: bank, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    command = [
        installed("prometheus"),
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        _wait(f"http://127.0.0.1:{port}", process, folder / "prometheus.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(READY_S)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    until = time.monotonic() + READY_S
    while time.monotonic() < until and process.poll() is None:
        try:
            with opener.open(f"{url}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"Prometheus did not become ready: {log.read_text()[-2000:]}")
