"""Text that people look at, whatever stood in a file name or a label."""

import unicodedata

__all__ = ["shown"]

# Control characters and halves of surrogate pairs, invisible formatting (which can turn the
# direction of what follows), separators of lines and paragraphs.
_UNSEEN = {"Cc", "Cs", "Cf", "Zl", "Zp"}


def shown(text: str) -> str:
    r"""Return one line that can be seen and encoded: a newline becomes the two signs ``\n``."""
    return "".join(
        sign.encode("unicode_escape").decode("ascii")
        if unicodedata.category(sign) in _UNSEEN
        else sign
        for sign in text
    )
