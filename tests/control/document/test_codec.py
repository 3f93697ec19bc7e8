"""Documents that are none say so."""

import pytest

from meshtrail.common.errors import InvalidError
from meshtrail.control.document.codec import Form, decode


@pytest.mark.parametrize(
    ("form", "content"),
    [
        (Form.toml, b"format = " + b"1" * 5_000), (Form.json, b'{"format": ' + b"1" * 5_000 + b"}"), (Form.toml, b"a = " + b"[" * 50_000),
        (Form.json, b"[" * 50_000), (Form.toml, b"\xff"), (Form.toml, b"format = 1\nformat = 1"), (Form.json, b""),
    ],
)  # fmt: skip
def test_nonsense_is_refused(form: Form, content: bytes) -> None:
    """Whatever the parser stumbles over."""
    with pytest.raises(InvalidError):
        decode(content, form)
