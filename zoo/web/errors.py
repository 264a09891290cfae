"""The error that answers a request with an HTTP status."""

from zoo_registry.errors import ZooError

__all__ = ["Refused"]


class Refused(ZooError):
    """A request is refused.

    Parameters
    ----------
    status : int
        Status code of HTTP (RFC 9110, section 15).
    sentence : str
        The reason, in one sentence for the client.
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
