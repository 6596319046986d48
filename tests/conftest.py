"""The entry points that tests see are those of this checkout, even where the editable install is older than it."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest

from gameday import __version__
from gameday.aws import Aws
from gameday.model.workspace import REHEARSAL_ENVIRONMENT

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="session", autouse=True)
def own_entry_points(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """For this process and all that it starts."""
    wanted = {(group, name, value) for group, found in PROJECT["entry-points"].items() for name, value in found.items()}
    if wanted <= {(e.group, e.name, e.value) for e in distribution("gameday").entry_points}:
        yield
        return
    folder = tmp_path_factory.mktemp("entry-points")
    info = folder / f"gameday-{__version__}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: gameday\nVersion: {__version__}\n")
    groups: dict[str, list[str]] = {}
    for group, name, value in sorted(wanted):
        groups.setdefault(group, []).append(f"{name} = {value}")
    text = "".join(f"[{group}]\n" + "\n".join(lines) + "\n" for group, lines in groups.items())
    (info / "entry_points.txt").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]))
        assert entry_points(group="gameday.channels") and str(folder) in sys.path
        yield


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """Stock moto on loopback: an AWS of its own, for a module's tests."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(endpoint: str) -> Iterator[Aws]:
    """The door to it."""
    aws = Aws(REHEARSAL_ENVIRONMENT, endpoint)
    yield aws
    aws.close()
