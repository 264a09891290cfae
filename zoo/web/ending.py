"""The end of a server: what it has not answered by then is refused at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zoo.web.refusals import stopping

__all__ = ["Ending"]


class Ending:
    """An end, which interrupts blocks.

    Attributes
    ----------
    has_come : bool
        Whether it has come.
    """

    def __init__(self) -> None:
        self.has_come = False
        self._blocks: set[asyncio.Timeout] = set()

    def come(self) -> None:
        """Refuse all blocks that are being executed, and all later ones."""
        for block in self._blocks:
            block.reschedule(0)  # now: before whatever a thread finds out from `has_come`
        self.has_come = True

    @asynccontextmanager
    async def refusing(self) -> AsyncIterator[None]:
        """Raise `Refused` (503) as soon as the end comes before that of the block."""
        if self.has_come:
            raise stopping()
        block = asyncio.timeout(None)
        try:
            async with block:
                self._blocks.add(block)
                yield
        except TimeoutError:
            raise stopping() from None
        finally:
            self._blocks.discard(block)
