"""In a rehearsal a worker reaches loopback and nothing else: what would leave is refused before a byte is sent.

An audit hook cannot be taken away again, and Python asks it before each connect, look-up of a name and new process
(PEP 578). A program that was started would not be bound by it, so none is. It stops honest code that goes astray; it
is no prison for code that means harm, which can call the kernel without Python.
"""

from __future__ import annotations

import ipaddress
import sys
from typing import Any

_NEW_PROCESS = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system", "os.fork", "os.forkpty"})
_TO_ADDRESS = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
_TO_NAME = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})


class LeavesLoopback(OSError):
    """Something that was to leave this machine in a rehearsal."""


class Guard:
    """What was refused, and which addresses were asked for."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.reached: list[str] = []

    def stand(self) -> None:
        """From now on, for as long as this process lives."""
        sys.addaudithook(self._ask)

    def _ask(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _TO_ADDRESS and args[1] is not None:
            self._address(args[1])
        elif event in _TO_NAME:
            self._name(args[0])
        elif event in _NEW_PROCESS:
            self._refuse(f"a new process ({event})")

    def _address(self, address: Any) -> None:
        if isinstance(address, tuple) and loopback(str(address[0])):
            self.reached.append(f"{address[0]}:{address[1]}")
        else:
            self._refuse(f"a call to {address[0] if isinstance(address, tuple) else 'a local socket'}")

    def _name(self, host: Any) -> None:
        text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
        if host is not None and text != "localhost" and not loopback(text):
            self._refuse(f"looking up {text}")

    def _refuse(self, what: str) -> None:
        self.refused.append(what)
        raise LeavesLoopback(f"{what} was refused in rehearsal")


def loopback(host: str) -> bool:
    """Whether this is a loopback address, without asking a name server."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
