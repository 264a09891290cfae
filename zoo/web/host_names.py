"""Names that the server answers to, and pages that may send requests."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from contextlib import suppress

from starlette.datastructures import Headers
from starlette.types import Scope

from zoo_registry.errors import UsageError

__all__ = ["Names", "is_loopback"]

# Host name or address, and port (RFC 9110, section 7.2).
_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^][:@/\\?#\s]+)(?::[0-9]+)?", re.IGNORECASE)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)


class Names:
    """The names that a server answers to.

    A foreign page can give its own name the address of this machine (DNS rebinding). Then the
    browser takes the server for a part of the page's site, but requests still carry that name.

    Parameters
    ----------
    host : str
        Name or address that the server listens on.
    allowed : iterable of str
        Further names, such as that of a reverse proxy.
    remedy : str
        What the sentence on another name says about what to do.

    Raises
    ------
    UsageError
        If one of them is not a name.
    """

    def __init__(
        self,
        host: str = "localhost",
        allowed: Iterable[str] = (),
        remedy: str = "`zoo serve --allow-host NAME` adds one",
    ) -> None:
        self._remedy = remedy
        self._names = {"localhost", _plain(host)}
        if not is_loopback(host):
            self._names.add(_plain(socket.gethostname()))
        for name in allowed:
            if not _NAME.fullmatch(_plain(name)) and _address(name) is None:
                raise UsageError(
                    f"--allow-host takes a name such as zoo.example, without scheme and port, "
                    f"not {name!r}"
                )
            self._names.add(_plain(name))

    def refusal(self, scope: Scope) -> str | None:
        """Return a sentence if a request is for another host, or from a page of another origin."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._is_own(host, scope):
            return f"this server does not answer to the name {host[:80]!r}; {self._remedy}"
        own = _origin(scope["scheme"], host)
        foreign = [origin for origin in headers.getlist("origin") if origin.lower() != own]
        # Browsers tell where a request without an origin comes from; following a link is no harm.
        site = headers.get("sec-fetch-site", "none")
        if site not in ("none", "same-origin") and not _follows_link(scope["method"], headers):
            foreign.append(site)
        if foreign:
            return f"a page of another origin ({foreign[0][:80]}) cannot use this server"
        return None

    def _is_own(self, host: str, scope: Scope) -> bool:
        found = _HOST.fullmatch(host)
        if found is None:
            return False
        if _plain(found[1]) in self._names:
            return True
        # An address cannot be rebound, and the client has connected to one of this machine.
        connected = scope["server"][0] if scope.get("server") else ""
        address = _address(found[1])
        return address is not None and (address.is_loopback or address == _address(connected))


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a name or address."""
    address = _address(host)
    return _plain(host) == "localhost" if address is None else address.is_loopback


def _follows_link(method: str, headers: Headers) -> bool:
    mode, target = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return (method, mode, target) == ("GET", "navigate", "document")


def _origin(scheme: str, host: str) -> str:
    """Return an origin as browsers write it (RFC 6454, section 6.2)."""
    return f"{scheme}://{host}".lower().removesuffix(":443" if scheme == "https" else ":80")


def _plain(host: str) -> str:
    """Return a name in lower case, without the dot at its end, and an address in its usual form."""
    return str(_address(host) or host.lower().removesuffix("."))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    with suppress(ValueError):
        address = ipaddress.ip_address(host.strip("[]").removesuffix("."))
        if isinstance(address, ipaddress.IPv4Address):
            return address
        # An IPv4 address within IPv6, and one with the interface, are the address itself.
        return address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    return None
