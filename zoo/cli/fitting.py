"""Which columns of a table fit into the terminal, and how wide each is."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

__all__ = ["BETWEEN", "Column", "fitted", "measured"]

BETWEEN = 3
"""Characters between two columns."""
_TEXT = 16  # characters that a column of text has at least, so that it is no column of words
_WORD, _PART = 40, 10  # characters of a word that is not broken, and its part if nothing else helps


class Column(NamedTuple):
    """Widths of a column in characters, and whether its cells may be wrapped at words.

    Attributes
    ----------
    full, word : int
        Width without any wrapping, and width of the longest word.
    wraps : bool
        Whether cells may be wrapped; figures and ids are shown whole or not at all.
    """

    full: int
    word: int
    wraps: bool

    def least(self, word: int = _WORD, text: int = _TEXT) -> int:
        """Return the smallest width at which the column can be read.

        Parameters
        ----------
        word, text : int
            Length of words that are not broken, and width that wrapped text has at least.
        """
        if not self.wraps:
            return self.full
        return min(self.full, max(min(self.word, word), text))


def measured(heading: str, cells: Sequence[str], wraps: bool) -> Column:
    """Return the widths of a column.

    Parameters
    ----------
    heading : str
        Its name.
    cells : sequence of str
        Its cells, which may have several lines.
    wraps : bool
        Whether its cells may be wrapped.
    """
    from rich.cells import cell_len

    texts = [line for text in (heading, *cells) for line in text.split("\n")]
    words = (word for text in texts for word in text.split())
    full = max(1, *map(cell_len, texts))
    return Column(full, max(map(cell_len, words), default=1) if wraps else full, wraps)


def fitted(
    columns: Sequence[Column], leave: Sequence[int], room: int, between: int = BETWEEN
) -> dict[int, int]:
    """Return the width of each column that is shown, by its place.

    Columns are left out one after the other until the others fit without breaking a word. Only if
    no more may be left out, words are broken.

    Parameters
    ----------
    columns : sequence of Column
        All columns.
    leave : sequence of int
        Places of the columns that may be left out, in the order in which they are.
    room : int
        Characters of the terminal.
    between : int
        Characters between two columns.
    """
    shown = dict.fromkeys(range(len(columns)))
    for place in leave:
        if _width([columns[each].least() for each in shown], between) <= room:
            break
        del shown[place]
    least = {place: columns[place].least() for place in shown}
    for word, text in ((_WORD, _PART), (_PART, _PART), (1, 1)):
        if _width(least.values(), between) <= room:
            break
        least = {place: columns[place].least(word, text) for place in shown}
    left = room - _width(least.values(), between)
    while left > 0 and (short := [each for each in least if least[each] < columns[each].full]):
        # Long words come first, then the text that is shortest for its length.
        least[min(short, key=lambda each: _need(columns[each], least[each]))] += 1
        left -= 1
    return least


def _need(column: Column, width: int) -> tuple[bool, float]:
    return width >= column.word, width / column.full


def _width(widths: Collection[int], between: int) -> int:
    return sum(widths) + between * len(widths) - 1
