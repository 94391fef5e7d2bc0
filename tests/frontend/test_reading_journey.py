"""What a reader does on a page of testimony, in a real browser, with and without JavaScript."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.frontend.pages import PAGES

pytestmark = pytest.mark.journey


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """A page on which any complaint of the browser (a blocked script, a failed file) fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    context.set_default_timeout(8000)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    opened.on("response", lambda answer: complaints.append(answer.url) if answer.status >= 400 else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def until(page: Any, expression: str) -> None:
    """Waits for an expression to hold; the page's policy forbids Playwright's own way, which evaluates a string."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never came true: {expression}")


def test_every_page_keeps_to_the_policy_and_to_its_own_origin(site: str, page: Any) -> None:
    elsewhere: list[str] = []
    page.on("request", lambda request: None if request.url.startswith(site) else elsewhere.append(request.url))
    for name in PAGES:
        page.goto(f"{site}/en/{name}/")
    assert elsewhere == []


def test_the_address_of_a_moment_opens_there_without_playing(site: str, page: Any) -> None:
    page.goto(f"{site}/en/testimony/#t=50", wait_until="networkidle")
    page.wait_for_selector(".row.now")
    assert page.evaluate("document.querySelector('.row.now').dataset.start") == "47"
    assert page.evaluate("document.querySelector('audio').paused")
    assert page.text_content(".player-time") == "00:50 / 01:22"
    assert "The morning of the lorries" in page.text_content(".contents [aria-current]")


def test_the_present_line_follows_the_voice(site: str, page: Any) -> None:
    page.goto(f"{site}/en/testimony/", wait_until="networkidle")
    assert page.evaluate("document.querySelector('audio').paused")
    page.click(".player-play")
    page.wait_for_selector(".row.now")
    page.evaluate("document.querySelector('audio').currentTime = 21.2")
    until(page, "document.querySelector('.row.now')?.dataset.start === '21'")
    page.focus(".player-play")
    page.keyboard.press("l")
    until(page, "document.querySelector('audio').currentTime > 31")
    page.keyboard.press("k")
    until(page, "document.querySelector('audio').paused")
    page.keyboard.press(">")
    assert page.evaluate("document.querySelector('audio').playbackRate") == 1.25
    page.keyboard.press("c")
    assert "From above we counted" in page.text_content(".player-caption")


def test_a_moment_is_cited_and_its_link_copied(site: str, page: Any) -> None:
    page.goto(f"{site}/en/testimony/", wait_until="networkidle")
    page.click("#p-sam0003e")
    assert page.locator(".row-tools").count() == 1
    page.get_by_role("button", name="Cite this moment").click()
    cited = page.evaluate("navigator.clipboard.readText()")
    assert (
        cited == "Samira K., “We counted the houses by their smoke”, at 00:34, https://cairn.example/id/k3m9x0w7ta#t=34"
    )
    until(page, "document.querySelector('[role=status]')?.textContent === 'Copied'")
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("navigator.clipboard.readText()") == "https://cairn.example/id/k3m9x0w7ta#t=34"


def test_paragraphs_of_a_text_are_cited_by_their_anchor(site: str, page: Any) -> None:
    page.goto(f"{site}/en/document/#p-0002t10", wait_until="networkidle")
    page.wait_for_selector(".row.now")
    page.get_by_role("button", name="Copy link").click()
    assert page.evaluate("navigator.clipboard.readText()").endswith("#p-0002t10")


def test_another_translation_opens_at_the_passage_being_read(site: str, page: Any) -> None:
    page.goto(f"{site}/en/testimony/#p-sam0003e", wait_until="networkidle")
    page.evaluate("window.scrollTo(0, document.querySelector('.words').offsetTop + 200)")
    page.evaluate("document.querySelector('[data-with=fr]').click()")
    page.wait_for_url("**/testimony/?with=fr*")
    assert "#p-sam" in page.url
    assert page.locator("p[lang=fr]").count() == 6


def test_leaving_empties_the_page_and_replaces_it_in_the_history(site: str, page: Any) -> None:
    page.goto(f"{site}/en/home/")
    page.goto(f"{site}/en/testimony/", wait_until="networkidle")
    # The neutral page is somebody else's; here it is another page of the test site.
    page.evaluate("document.querySelector('cairn-leave a').href = '/en/404/'")
    for _ in range(3):
        page.keyboard.press("Escape")
    page.wait_for_url("**/en/404/")
    page.go_back()
    assert urlsplit(page.url).path == "/en/home/"


def test_the_skip_link_comes_first_and_works(site: str, page: Any) -> None:
    page.goto(f"{site}/en/testimony/", wait_until="networkidle")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_without_scripts_everything_is_there(site: str, browser: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site}/en/testimony/?with=fr")
    assert page.locator("audio[controls]").count() == 1
    assert page.locator(".row").count() == 6
    assert page.locator("p[lang=fr]").count() == 6
    assert page.locator("p[lang=ar]").count() == 6
    page.click(".beside >> text=English")
    assert page.url.endswith("?with=en#words")
    assert page.locator("a.leave").get_attribute("href") == "https://www.wikipedia.org/"
    page.set_viewport_size({"width": 360, "height": 700})
    page.click(".masthead-menu summary")
    assert page.locator(".masthead-nav a >> text=Testimonies").is_visible()
    context.close()


def test_a_first_visit_to_a_long_page_weighs_little(site: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    answers: list[Any] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(f"{site}/en/long/", wait_until="networkidle")
    page.evaluate("document.fonts.ready.then(() => true)")
    weights: dict[str, int] = {}
    for answer in answers:
        body = answer.body()
        # Fonts are compressed already; a server compresses the rest.
        weights[answer.url] = len(body) if answer.url.endswith(".woff2") else len(gzip.compress(body, 6))
    context.close()
    assert sum(weights.values()) <= 200_000, weights
    # The page's own faces are used, and only those of its scripts.
    fonts = {address.rsplit("/", 1)[1] for address in weights if "woff2" in address}
    assert {"noto-serif-latin-400-normal.woff2", "noto-sans-latin-400-normal.woff2"} <= fonts
    assert not any("arabic" in name or "hebrew" in name or "cyrillic" in name for name in fonts), fonts
