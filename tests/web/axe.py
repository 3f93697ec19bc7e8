"""What a machine can find against the accessibility of a page."""

from pathlib import Path

from playwright.sync_api import Page

_SCRIPT = Path(__file__).parent / "vendor" / "axe.min.js"
_RUN = """async () => {
  const found = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] });
  return found.violations.map((each) => `${each.id}: ${each.nodes.slice(0, 4).map((node) => node.html.slice(0, 160)
    + " " + node.failureSummary.slice(0, 200)).join(" | ")}`);
}"""


def violations(page: Page) -> list[str]:
    """Violations of WCAG 2.2 A and AA, in a line each."""
    page.evaluate(_SCRIPT.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(_RUN)
    return found
