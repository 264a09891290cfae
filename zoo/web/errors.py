"""Why a request gets no answer, with the status that says so in HTTP."""

from zoo_registry.errors import ZooError

__all__ = ["Refused"]


class Refused(ZooError):
    """A request is not answered; the message is one sentence for who asked.

    Parameters
    ----------
    status : int
        Of HTTP (RFC 9110, section 15).
    sentence : str
    """

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
