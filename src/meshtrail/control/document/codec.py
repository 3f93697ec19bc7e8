"""The document as bytes."""

import re
import tomllib
from enum import StrEnum

import msgspec
import tomli_w

from meshtrail.common.errors import InvalidError, TooLargeError
from meshtrail.control.document.entries import Document
from meshtrail.control.limits import DOCUMENT_BYTES_MAX


class Form(StrEnum):
    """How the document is written."""

    toml = "toml"
    json = "json"


_AT = re.compile(r" - at `\$\.?(.*)`$")


def encode(document: Document, form: Form) -> bytes:
    """The document for people and version control: JSON is indented."""
    if form is Form.toml:
        return tomli_w.dumps(msgspec.to_builtins(document)).encode()
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def decode(content: bytes, form: Form) -> Document:
    """The document; `InvalidError` says where it is none."""
    if len(content) > DOCUMENT_BYTES_MAX:
        raise TooLargeError(f"The document has {len(content)} bytes, at most {DOCUMENT_BYTES_MAX} are possible.")
    try:
        if form is Form.json:
            return msgspec.json.decode(content, type=Document)
        return msgspec.convert(msgspec.to_builtins(tomllib.loads(content.decode())), Document)
    except msgspec.ValidationError as error:
        raise InvalidError(_placed(str(error))) from None
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # of TOML also a number of thousands of digits
        raise InvalidError(f"The document is no {form.upper()}: {error}.") from None


def _placed(text: str) -> str:
    """`Expected int - at $.policies[0].rules[1].ports[0]` begins with the place."""
    found = _AT.search(text)
    if found is None:
        return f"document: {text[:1].lower()}{text[1:]}."
    place, rest = found.group(1) or "document", text[: found.start()]
    return f"{place}: {rest[:1].lower()}{rest[1:]}."
