r"""Escapes inside words and quoted texts: how any text can be written, and is printed.

`\\`, `\"`, `\'` and `\*` are the signs themselves, `\n`, `\r`, `\t` white space, `\u{202e}` any character by its
hexadecimal number.
"""

import re

from meshtrail.filter.errors import FilterError

_NAMED = {"\\": "\\", '"': '"', "'": "'", "*": "*", "n": "\n", "r": "\r", "t": "\t"}
_PRINTED = {"\\": "\\\\", '"': '\\"', "*": "\\*", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_CODE = re.compile(r"\\u\{([0-9A-Fa-f]{1,6})\}")


def unescaped(text: str, at: int) -> tuple[str, int]:
    """The character of the escape that begins at this place, and the place after it."""
    following = text[at + 1 : at + 2]
    if following in _NAMED and following:
        return _NAMED[following], at + 2
    found = _CODE.match(text, at)
    if found is None:
        raise FilterError(
            f"There is no escape {text[at : at + 2]!r}.", at, min(at + 2, len(text)), remedy="Write \\\\ for a backslash that is meant."
        )
    number = int(found[1], 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise FilterError(f"There is no character {found[1]}.", at, found.end())
    return chr(number), found.end()


def escaped(text: str) -> str:
    """The text as it stands between quotes; what does not print, or turns the direction of text, is written as a number."""
    return "".join(_PRINTED.get(sign) or (sign if sign.isprintable() else f"\\u{{{ord(sign):x}}}") for sign in text)
