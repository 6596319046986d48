"""``gameday serve``: the web console of this workspace."""

from __future__ import annotations

import ipaddress
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gameday.console.app import Settings

FIRST_LINK_MS = 8 * 3_600_000
ENDS_WITHIN_S = 1  # streams are open for ever; a browser opens its own again


@click.command(epilog="Example: gameday serve    gameday serve --host 0.0.0.0 --name day.example --behind-proxy")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(0, 65535), help="0: any that is free.")
@click.option("--name", "names", multiple=True, metavar="NAME", help="A host name that browsers use; may be repeated.")
@click.option("--tls-cert", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A certificate, PEM.")
@click.option("--tls-key", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Its key, PEM.")
@click.option("--behind-proxy", is_flag=True, help="A proxy before us speaks TLS and says who asks (X-Forwarded-For).")
def serve(host: str, port: int, names: tuple[str, ...], tls_cert: Path | None, tls_key: Path | None,
          behind_proxy: bool) -> None:  # fmt: skip
    """Show this workspace's game days to browsers: facilitator, players, evaluator and readers, each by their link.

    It reads runs and passes on what people ask; it conducts none, so it can be ended and started again at any time.
    """
    from gameday.library import workspace_or_here

    _check(host, tls_cert, tls_key, behind_proxy)
    settings_of = _installed()
    listening = _listen(host, port)
    secure = behind_proxy or tls_cert is not None
    settings = settings_of(workspace_or_here(), frozenset({*names, _told(host)}), secure, behind_proxy)
    _say_where(settings, names, listening.getsockname()[1], tls_cert is not None)
    _serve(settings, listening, tls_cert, tls_key)


def _check(host: str, tls_cert: Path | None, tls_key: Path | None, behind_proxy: bool) -> None:
    from gameday.errors import could_not_start

    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key belong together")
    if tls_cert is None and not behind_proxy and not _loopback(host):
        write = "--tls-cert and --tls-key, or --behind-proxy where a proxy speaks TLS; or --host 127.0.0.1"
        raise could_not_start("TLS_MISSING", f"{host} can be reached from elsewhere, and that needs TLS", write)


def _installed() -> type[Settings]:
    """CouldNotStart when the extra is not there."""
    from gameday.errors import could_not_start

    try:
        import uvicorn  # noqa: F401  # only whether it is there

        from gameday.console.app import Settings
    except ModuleNotFoundError as error:
        what = f"the console's packages are not installed ({error.name})"
        raise could_not_start("CONSOLE_MISSING", what, "pip install 'gameday[console]'") from error
    return Settings


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    from gameday.errors import could_not_start

    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        what = f"nobody can listen on {host} port {port}: {error.strerror or error}"
        raise could_not_start("ADDRESS_TAKEN", what, "another --port, or an address of this machine") from error


def _told(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _say_where(settings: Settings, names: tuple[str, ...], port: int, tls: bool) -> None:
    """Where it is, also for ``gameday link``; whoever started it from a terminal gets the first link."""
    from gameday.console.access import EVERY_RUN, Keyring, remember_address

    shown = names[0] if names else next(iter(settings.hosts))
    address = f"https://{shown}" if settings.behind_proxy else f"{'https' if tls else 'http'}://{shown}:{port}"
    remember_address(settings.root, address)
    click.echo(f"The console is at {address}   (Ctrl-C ends it; runs go on)")
    if sys.stdout.isatty():
        until = settings.clock.wall() + FIRST_LINK_MS
        _, token = Keyring(settings.root).link(EVERY_RUN, "facilitator", "facilitator", until)
        click.echo(f"You, as facilitator of all runs, once, within 8 hours:\n  {address}/enter/{token}")
    click.echo("Others: gameday link RUN --role player --as ROLE", nl=True)
    sys.stdout.flush()


def _serve(settings: Settings, listening: socket.socket, tls_cert: Path | None, tls_key: Path | None) -> None:
    import uvicorn

    from gameday.console.app import create_app

    config = uvicorn.Config(
        create_app(settings), access_log=False, log_level="warning", server_header=False, proxy_headers=False,
        timeout_graceful_shutdown=ENDS_WITHIN_S, ssl_certfile=tls_cert, ssl_keyfile=tls_key and str(tls_key),
    )  # fmt: skip
    uvicorn.Server(config).run([listening])
