"""Markup shown twice, and as text."""

from markupsafe import Markup

from meshtrail.web.markup import indented, twin


def test_a_twin_refers_to_itself() -> None:
    """Ids and what names them change together; text and other attributes stay."""
    markup = Markup('<label for="a">for=&#34;a&#34; id</label><input id="a" aria-describedby="b c" data-id="a"><i id="b"></i>&lt;')
    assert twin(markup, "x") == (
        '<label for="x-a">for=&#34;a&#34; id</label><input id="x-a" aria-describedby="x-b x-c" data-id="a"><i id="x-b"></i>&lt;'
    )


def test_markup_is_read_without_the_templates_blanks() -> None:
    """The least indentation of all lines goes."""
    assert indented(Markup("\n    <p>\n      a\n\n    </p>\n")) == "<p>\n  a\n</p>"
    assert indented(Markup("")) == ""
