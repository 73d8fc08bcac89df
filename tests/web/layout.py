"""Checks whether the texts of a page fit their places."""

from __future__ import annotations

from playwright.sync_api import Page, ViewportSize

PHONE: ViewportSize = {"width": 390, "height": 844}
"""The narrowest page that the app is made for."""

# Texts that their box, or their chart, cuts off without an ellipsis.
CUT_OFF = """() => {
  const texts = [...document.querySelectorAll("h1, h2, h3, p, button, label, dt, dd, a, li, td, th, span, strong")]
    .filter((one) => one.checkVisibility() && one.innerText?.trim())
    .filter((one) => {
      const style = getComputedStyle(one);
      const hidden = style.overflowX !== "visible" && style.textOverflow !== "ellipsis" && style.overflowX !== "auto";
      const sized = one.clientWidth > 1 && one.scrollWidth > one.clientWidth + 1;
      return sized && (hidden || (one.tagName === "BUTTON" && style.textOverflow !== "ellipsis"));
    });
  const labels = [...document.querySelectorAll("svg text")].filter((one) => {
    const [text, chart] = [one, one.ownerSVGElement].map((each) => each.getBoundingClientRect());
    return text.left < chart.left - 0.5 || text.right > chart.right + 0.5;
  });
  return [...texts, ...labels].map((one) => `${one.tagName} ${one.textContent.slice(0, 60)}`);
}"""

# Words that are broken over several lines, because their box is too narrow.
BROKEN = """() => {
  const found = [];
  const nodes = document.createTreeWalker(document.getElementById("content") ?? document.body, NodeFilter.SHOW_TEXT);
  while (nodes.nextNode()) {
    const node = nodes.currentNode;
    if (!node.parentElement.checkVisibility() || node.parentElement.closest(".sr, svg, script, style")) continue;
    for (const { 0: word, index } of node.data.matchAll(/[^\\s\\/-]+/g)) {
      if (word.length > 16) continue; // an address or a code
      const range = document.createRange();
      range.setStart(node, index);
      range.setEnd(node, index + word.length);
      if (new Set([...range.getClientRects()].map((one) => Math.round(one.top))).size > 1) found.push(word);
    }
  }
  return found;
}"""


def misfits(page: Page) -> list[str]:
    """The texts that do not fit the page's present width; with "page" first if the page itself is too wide."""
    fits = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    return [*([] if fits else ["page"]), *page.evaluate(CUT_OFF), *page.evaluate(BROKEN)]
