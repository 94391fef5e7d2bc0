"""WCAG 2.2 AA by axe on every page type, left to right and right to left, light and dark; plus what axe cannot see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.frontend.conftest import AXE
from tests.frontend.pages import PAGES

pytestmark = pytest.mark.journey

EVERYTHING = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
#: Between light and dark nothing changes but colours.
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
#: One large page of a kind is enough for the rules; the rest of it is the same element again.
NAMES = [name for name in PAGES if name != "long"]

CHECK = """async (only) => {
  const found = await axe.run(document, {runOnly: only, resultTypes: ['violations']});
  return found.violations.map(v => v.id + ': ' + v.help + ' | ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)
    + ' ' + n.failureSummary.replace(/\\s+/g, ' ').slice(0, 200)).join(' || '));
}"""

#: Targets smaller than 24 px that are not words in a line of text (WCAG 2.2, 2.5.8).
SMALL_TARGETS = """() => [...document.querySelectorAll('a, button, summary, input:not([type=hidden]), select')]
  .filter(e => e.checkVisibility() && !e.matches('.skip, p a, dd a, .row a, .row-head a, li span a, .empty li a'))
  .map(e => [e, e.getBoundingClientRect()])
  .filter(([e, box]) => box.width && (box.width < 23.9 || box.height < 23.9))
  .map(([e, box]) => e.outerHTML.slice(0, 120) + ' ' + Math.round(box.width) + '×' + Math.round(box.height))"""


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_page_type_is_without_violations(site: str, browser: Any, language: str) -> None:
    """One visit to each page: everything in light colours, the colours again in dark ones, and its width at 320 px."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run scripts/build_frontend.py.")
    # The script is put into the page by the debugger, so the page's own policy need not be loosened.
    context = browser.new_context(color_scheme="light", viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = context.new_page()
    complaints: list[str] = []
    for name in NAMES:
        page.emulate_media(color_scheme="light")
        page.goto(f"{site}/{language}/{name}/")
        page.add_script_tag(path=str(AXE))
        complaints += [f"{name}, light: {said}" for said in page.evaluate(CHECK, EVERYTHING)]
        complaints += [f"{name}: small target {said}" for said in page.evaluate(SMALL_TARGETS)]
        page.emulate_media(color_scheme="dark")
        complaints += [f"{name}, dark: {said}" for said in page.evaluate(CHECK, COLOURS)]
        # 320 px is also a window of 1280 px at 400 % (WCAG 2.2, 1.4.10).
        page.set_viewport_size({"width": 320, "height": 640})
        width = page.evaluate("document.documentElement.scrollWidth")
        complaints += [f"{name}: {width} px wide in a window of 320"] if width > 320 else []
        page.set_viewport_size({"width": 1280, "height": 900})
    context.close()
    assert not complaints, "\n".join(complaints)


def test_the_check_finds_what_is_wrong(site: str, browser: Any) -> None:
    """A page made worse on purpose is noticed in each of the ways above."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run scripts/build_frontend.py.")
    context = browser.new_context(viewport={"width": 320, "height": 640}, bypass_csp=True)
    page = context.new_page()
    page.goto(f"{site}/en/403/")
    page.add_script_tag(path=str(AXE))
    page.evaluate(
        """() => {
          document.querySelector('.message p').style.color = '#ddd';
          document.documentElement.removeAttribute('lang');
          const wide = document.createElement('button');
          wide.style.cssText = 'block-size:10px;padding:0;border:0;inline-size:600px';
          wide.textContent = 'x';
          document.querySelector('main').append(wide);
        }"""
    )
    found = " ".join(page.evaluate(CHECK, EVERYTHING))
    assert "color-contrast" in found and "html-has-lang" in found
    assert any("600×10" in said for said in page.evaluate(SMALL_TARGETS))
    assert page.evaluate("document.documentElement.scrollWidth") > 320
    context.close()


def test_forced_colours_keep_focus_and_withheld_names_visible(site: str, browser: Any) -> None:
    context = browser.new_context(forced_colors="active")
    page = context.new_page()
    page.goto(f"{site}/en/testimony/")
    border = page.evaluate("getComputedStyle(document.querySelector('.withheld')).borderTopStyle")
    page.keyboard.press("Tab")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    context.close()
    assert border == "dashed"
    assert outline in ("solid", "auto")
