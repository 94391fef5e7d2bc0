"""A visitor finds a passage, reads it beside its translation, and cites it; with and without JavaScript."""

from __future__ import annotations

import pytest

from tests.archive.factories import (
    ARMENIAN,
    ENGLISH,
    a_collection,
    a_community,
    a_person,
    a_place,
    a_testimony,
    published,
)
from tests.frontend.conftest import AXE
from tests.frontend.test_axe import CHECK, EVERYTHING

pytestmark = pytest.mark.journey


@pytest.fixture
def work(archive_site):
    community = a_community("valley")
    collection = a_collection(community)
    narrator = a_person(community)
    return published(a_testimony(community, collection=collection, people=[narrator], places=[a_place()]))


@pytest.mark.parametrize("scripts", [True, False])
def test_a_visitor_finds_reads_and_cites(visit, work, scripts):
    page = visit(java_script_enabled=scripts)
    page.goto("/en/")
    page.locator("#home-q").fill("river")
    page.locator(".home-head button[type=submit]").click()
    hit = page.locator(".hits a[href*='#p-']").filter(has=page.locator("mark")).first
    assert "river" in hit.inner_text()
    hit.click()
    page.wait_for_url(f"**/en/testimonies/{work.public_id}/**")
    assert "#p-" in page.url, "a hit opens at its passage"
    anchor = page.url.split("#")[1]
    assert page.locator(f"[id='{anchor}']").count() == 1, "and the passage is on the page"
    words = page.locator("#words").inner_text()
    assert ARMENIAN in words and ENGLISH in words
    assert page.locator("#words [lang=hy]").count() > 0
    cited = page.locator("#citation-chicago").inner_text()
    assert f"/id/{work.public_id}" in cited and "revision 1" in cited
    page.locator("details.citation").first.locator("summary").click()
    with page.expect_download() as download:
        page.locator("details.citation").first.get_by_role("link").click()
    assert download.value.suggested_filename.startswith(f"cairn-{work.public_id}")
    assert page.problems == []


def test_the_address_of_a_citation_leads_to_the_page_in_the_readers_language(visit, work):
    page = visit(locale="fr-FR")
    page.goto(f"/id/{work.public_id}")
    assert page.url.endswith(f"/testimonies/{work.public_id}/")
    assert page.locator("#words").is_visible()


def test_a_search_without_an_answer_says_so_and_offers_a_way_on(visit, work):
    page = visit()
    page.goto("/en/search/?q=zzqqxx")
    assert page.locator(".empty").is_visible()
    assert page.locator(".empty a").count() > 0


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_real_pages_have_no_violations(visit, work, language, scheme):
    """axe on the pages as the site serves them, not on fixtures."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run scripts/build_frontend.py.")
    page = visit(color_scheme=scheme, bypass_csp=True)
    place = work.entity_links.first().target.public_id
    complaints = []
    for path in (
        "",
        "testimonies/",
        f"testimonies/{work.public_id}/",
        f"places/{place}/",
        f"collections/{work.collection.public_id}/",
        "languages/",
        "search/?q=river",
        "about/",
        "help/",
        "report/",
        "testimonies/zzzzzzzzzz/",
    ):
        page.goto(f"/{language}/{path}")
        page.add_script_tag(path=str(AXE))
        complaints += [f"{path}: {said}" for said in page.evaluate(CHECK, EVERYTHING)]
    assert complaints == [], "\n".join(complaints)
