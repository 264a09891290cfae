"""Settings of ``zoo serve``."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.web.token import Token

__all__ = ["Settings"]


@dataclass(frozen=True)
class Settings:
    """Settings of a server.

    Attributes
    ----------
    host, port : str, int
        Name or address of this machine; the port is 0 for any free one.
    allowed : sequence of str
        Further names that the server answers to.
    megabytes : float
        Largest body of a request; a megabyte has 1,000,000 bytes.
    minutes : float
        Longest recording.
    token : Token or None
        Token that requests to the endpoint and to the figures have to carry.
    read_only : bool
        Whether the process writes nothing but uploads.
    log : bool
        Whether each request is written on stderr.
    min_confidence, precision : float or "auto", float or None
        As for `zoo.inference.predict.predict`.
    """

    host: str = "127.0.0.1"
    port: int = 0
    allowed: Sequence[str] = ()
    megabytes: float = 200.0
    minutes: float = 30.0
    token: Token | None = None
    read_only: bool = False
    log: bool = False
    min_confidence: float | str = 0.0
    precision: float | None = None
