"""Name and note that the user gives to a run."""

import re
import unicodedata

from zoo_registry.structures import Structure
from zoo_registry.text import shown

__all__ = ["LONGEST_NOTE", "About", "name_fault", "plain_name"]

_LONGEST = 60  # characters of a name
LONGEST_NOTE = 2_000
# Signs of paths, patterns and of `model@dataset`, and the quotation marks of sentences.
_SIGNS = '/\\@*?[]"`'
_OF_FILE = re.compile(r".*\.[a-z]\w*", re.IGNORECASE)
_OF_ID = re.compile(r".*-[0-9a-f]{10}")


class About(Structure, kw_only=True, omit_defaults=True):
    """The content of `about.json`, which is not part of the record of a run.

    `name` means the run wherever a run is named; `note` is any text. Both may be empty.
    """

    name: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.name and (fault := name_fault(self.name)):
            raise ValueError(f"'name': {fault}")
        if len(self.note) > LONGEST_NOTE:
            raise ValueError(f"'note': it has more than {LONGEST_NOTE} characters")


def plain_name(text: str) -> str:
    """Return a name as it is stored and compared: composed characters, no spaces around it."""
    return unicodedata.normalize("NFC", text).strip()


def name_fault(name: str) -> str:
    """Return the reason why no run can have a name, or an empty text.

    Parameters
    ----------
    name : str
        Result of `plain_name`.
    """
    sign = next((sign for sign in _SIGNS if sign in name), "")
    faults = {
        "it is empty": not name,
        f"it has more than {_LONGEST} characters": len(name) > _LONGEST,
        "it has characters that cannot be seen": shown(name) != name,
        "it has spaces around it, or characters that are not composed": plain_name(name) != name,
        f"it contains {sign}": sign,
        f"it begins with {name[:1]}": name.startswith(("-", ".")),
        "it ends like the name of a file": _OF_FILE.fullmatch(name),
        "it looks like the id of a run": _OF_ID.fullmatch(name),
    }
    return next((fault for fault, is_there in faults.items() if is_there), "")
