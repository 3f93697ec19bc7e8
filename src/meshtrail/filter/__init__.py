"""The one filter language, without IO and without SQL.

A *text* is *parsed* into a *tree* of conditions on *fields*, which derive from a family's table of columns; *printed* is
the way back: `parse(printed(tree, family), family) == tree`. What cannot be understood is a `FilterError`, with its
place. A tree keeps relative times as they were written; *resolved* gives it instants, and only then it chooses rows: the
store compiles it to parameterised SQL (`store/filter_sql.py`), *window* says from which time.

A row has no third truth: a condition on an unknown value is false, and its negation is true.
"""

from meshtrail.filter.completion import Candidate, Completion, complete
from meshtrail.filter.errors import FilterError
from meshtrail.filter.moment import Moment, is_relative, resolved
from meshtrail.filter.parser import parse
from meshtrail.filter.printer import printed
from meshtrail.filter.tree import EVERYTHING, Node
from meshtrail.filter.window import window

__all__ = [
    "EVERYTHING", "Candidate", "Completion", "FilterError", "Moment", "Node", "complete", "is_relative", "parse", "printed",
    "resolved", "window",
]  # fmt: skip
