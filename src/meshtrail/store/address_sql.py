"""Addresses in SQL as people write them."""


def address_text(column: str) -> str:
    """SQL that shows an address as people write it: IPv4 without the mapped prefix."""
    text = f"toString({column})"
    return f"if(startsWith({text}, '::ffff:') AND position({text}, '.') > 0, substring({text}, 8), {text})"
