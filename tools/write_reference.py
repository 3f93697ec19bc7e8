"""Writes the reference pages that are made from the code; `--check` fails when one is not current."""

import ast
import dataclasses
import inspect
import sys
from pathlib import Path

from prometheus_client.metrics import MetricWrapperBase

from meshtrail.agent.config import AgentConfig
from meshtrail.control import metrics as control_metrics
from meshtrail.control.oidc.settings import OidcSettings
from meshtrail.control.permissions import BUNDLES, ROLE_NOTES, ROLES, Permission
from meshtrail.enrich.resolver import metrics as resolver_metrics
from meshtrail.filter.amounts import NAMED
from meshtrail.filter.fields import fields_of
from meshtrail.filter.searched import searched
from meshtrail.filter.sorts import OPERATORS
from meshtrail.ingest import metrics
from meshtrail.model.activities import Activity
from meshtrail.model.columns import FAMILIES
from meshtrail.model.document import csv_header, markdown
from meshtrail.server import ServerConfig

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "reference"
MADE = "<!-- Made from the code by `make docs`. -->\n"


def fields() -> str:
    """All fields of all families."""
    pages = [markdown(family) + f"\nCSV header:\n\n```\n{csv_header(family)}\n```\n" for family in FAMILIES.values()]
    return "# Fields\n\n" + "\n".join(pages)


def _documented(path: Path) -> list[tuple[str, str, str]]:
    """Upper-case constants of a module with their values and the text below them."""
    body = ast.parse(path.read_text(encoding="utf-8")).body
    found = []
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.Assign) or not isinstance(following, ast.Expr):
            continue
        target, text = ast.unparse(node.targets[0]), following.value
        if target.isupper() and isinstance(text, ast.Constant) and isinstance(text.value, str):
            found.append((target, ast.unparse(node.value), " ".join(text.value.split())))
    return found


def limits() -> str:
    """The limits of the rooms that have some."""
    lines = ["# Limits\n"]
    for room in ("ingest", "enrich/resolver", "filter", "store", "api", "control", "control/oidc", "agent"):
        lines += [f"## {room}\n", "| limit | value | reason |", "|---|---|---|"]
        lines += [f"| `{name}` | `{value}` | {text} |" for name, value, text in _documented(ROOT / f"src/meshtrail/{room}/limits.py")]
        lines.append("")
    return "\n".join(lines)


def configuration() -> str:
    """Settings of server and agent."""
    lines = ["# Configuration\n", "Every setting is an option of the command; `--help` shows the same.\n"]
    for config in (ServerConfig, OidcSettings, AgentConfig):
        lines += [f"## {config.__name__}\n", "| setting | default | meaning |", "|---|---|---|"]
        body = ast.parse(inspect.getsource(config)).body[0]
        assert isinstance(body, ast.ClassDef)
        texts = dict(_field_texts(body))
        for field in dataclasses.fields(config):
            default = "required" if field.default is dataclasses.MISSING else f"`{field.default}`"
            lines.append(f"| `{field.name}` | {default} | {texts.get(field.name, '')} |")
        lines.append("")
    return "\n".join(lines)


def _field_texts(body: ast.ClassDef) -> list[tuple[str, str]]:
    pairs = zip(body.body, body.body[1:], strict=False)
    return [
        (ast.unparse(node.target), " ".join(following.value.value.split()))
        for node, following in pairs
        if isinstance(node, ast.AnnAssign) and isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        and isinstance(following.value.value, str)
    ]  # fmt: skip


def counters() -> str:
    """Metrics at /metrics."""
    lines = ["# Metrics\n", "`GET /metrics`, Prometheus' text format.\n", "| metric | kind | meaning |", "|---|---|---|"]
    for metric in (*vars(metrics).values(), *vars(resolver_metrics).values(), *vars(control_metrics).values()):
        if isinstance(metric, MetricWrapperBase):
            family = next(iter(metric.describe()))
            lines.append(f"| `{family.name}` | {family.type} | {family.documentation} |")
    return "\n".join(lines) + "\n"


_CODES = """# Audit codes

What an audit event can say: `activity_code` is the code, `activity` the sentence. A number is NetBird's own id of the activity, whose
meaning the code keeps: it *happened*. What was tried in vain is `request.refuse`, `sign_in.fail` and the like, or has an `outcome`
other than `success`; the NetBird-shaped API says so in the sentence.
"""


def audit_codes() -> str:
    """The catalogue, a table for each kind of target."""
    lines = [_CODES]
    for target in sorted({activity.target for activity in Activity}):
        lines += [f"## {target.replace('_', ' ')}\n", "| code | sentence | number | meaning |", "|---|---|---|---|"]
        for activity in sorted(one for one in Activity if one.target is target):
            number = "" if activity.number is None else activity.number
            lines.append(f"| `{activity}` | {activity.sentence} | {number} | {activity.doc} |")
        lines.append("")
    return "\n".join(lines)


_FILTER_FIELDS = """# Fields of filters

What stands at the left of an operator in [the filter language](filter-language.md). The name of a column
([fields](fields.md)) is another name of its field; case does not matter, nor whether a dot or an underscore is written.
"""


def filter_fields() -> str:
    """The operators of each sort, and the fields of each family."""
    lines = [_FILTER_FIELDS, "## Operators\n", "| values | operators |", "|---|---|"]
    lines += [f"| {sort} | {' '.join(f'`{name}`' for name in operators)} |" for sort, operators in OPERATORS.items()]
    for family in FAMILIES.values():
        words = ", ".join(f"`{column.name}`" for column in searched(family))
        lines += [
            f"\n## {family.name}\n",
            f"Words are looked for in {words}.\n",
            "| field | short | values | meaning |",
            "|---|---|---|---|",
        ]
        for field in fields_of(family).all:
            names = " ".join(f"`{name}`" for name in NAMED.get(field.columns[0].name, field.choices))
            others = " ".join(f"`{name}`" for name in field.spellings)
            lines.append(f"| `{field.name}` | {others} | {field.sort}{': ' if names else ''}{names} | {field.doc} |")
    return "\n".join(lines) + "\n"


_PERMISSIONS = """# Roles and permissions

Every route needs one permission (or is open to everybody, or to peers only). What a request may do is what its user's role and its
token's scopes have in common at that moment; a token of the organisation, which has no user, may do what its scopes say. Nobody can
make a user, a token, a password or a role with a right that they lack themselves.
"""


def permissions() -> str:
    """Who may do what, and which scopes of tokens there are."""
    roles = list(ROLES)
    lines = [_PERMISSIONS, "## Roles\n", *(f"- **{role}**: {note}" for role, note in ROLE_NOTES.items()), "", "## Permissions\n"]
    lines += [f"| permission | meaning | {' | '.join(roles)} |", "|---|---|" + "---|" * len(roles)]
    for each in Permission:
        marks = " | ".join("yes" if each in ROLES[role] else "" for role in roles)
        lines.append(f"| `{each}` | {each.doc} | {marks} |")
    lines += [
        "",
        "## Scopes of tokens\n",
        "A scope is a permission, or one of these words for several:\n",
        "| scope | permissions |",
        "|---|---|",
    ]
    lines += [f"| `{scope}` | {', '.join(f'`{each}`' for each in Permission if each in BUNDLES[scope])} |" for scope in BUNDLES]
    return "\n".join(lines) + "\n"


PAGES = {
    "audit-codes.md": audit_codes, "fields.md": fields, "filter-fields.md": filter_fields, "limits.md": limits,
    "configuration.md": configuration, "metrics.md": counters, "permissions.md": permissions,
}  # fmt: skip


def main() -> int:
    """Write all pages, or with --check compare them."""
    stale = []
    for name, make in PAGES.items():
        path, content = FOLDER / name, MADE + make()
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                stale.append(name)
            continue
        path.write_text(content, encoding="utf-8")
    if stale:
        print(f"not current: {', '.join(stale)}; run: make docs", file=sys.stderr)
    return int(bool(stale))


if __name__ == "__main__":
    sys.exit(main())
