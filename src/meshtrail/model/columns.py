"""The one table of columns of each event family.

Adding a field is one line in the family's own file and one test. Columns are grouped as people think of them; the order is
the order of the CSV header and of the documentation.
"""

from meshtrail.model.audit import AUDIT
from meshtrail.model.family import Column, Family, Kind, Merge, Partition
from meshtrail.model.traffic import TRAFFIC

__all__ = ["AUDIT", "FAMILIES", "TRAFFIC", "Column", "Family", "Kind", "Merge", "Partition"]

FAMILIES: dict[str, Family] = {family.name: family for family in (TRAFFIC, AUDIT)}
