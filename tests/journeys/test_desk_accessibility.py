"""WCAG 2.2 AA by axe on every screen of the desk, left to right and right to left, light and dark."""

from __future__ import annotations

import pytest
from django.utils import timezone
from wagtail.users.models import UserProfile

from archive.models import AccessRequest, Clip, Contribution, ImportBatch, Redaction
from archive.models.publication import ReaderReport
from archive.values.language_map import language_map
from jobs import api as jobs
from tests.archive.factories import a_community, a_member, a_person, a_place, a_testimony, a_user, published
from tests.archive.test_desk_records import KINDS
from tests.frontend.conftest import AXE
from tests.frontend.test_axe import CHECK, COLOURS, EVERYTHING

pytestmark = pytest.mark.journey

SCREENS = ("transcript", "links", "gate", "consent", "redactions", "revisions", "preview")


def screens(member) -> list[str]:
    """A community with something on every screen, and the addresses of all of them."""
    community = member.memberships.first().community
    place = a_place("Kertavan")
    narrator = a_person(community)
    work = published(a_testimony(community, people=[narrator], places=[place]))
    anchor = work.tracks.get(key="t1").cues[0]["id"]
    clip = Clip.objects.create(
        community=community,
        work=work,
        title=language_map("Night", "en"),
        context=language_map("He tells.", "en"),
        first_anchor=anchor,
    )
    Contribution.objects.create(record=work, person=narrator, role="translator")
    Redaction.objects.create(record=work, anchor=anchor, start=0, end=2, mode="remove", reason="danger")
    said = Redaction.objects.create(record=work, anchor=anchor, words="Գետը", mode="remove", reason="danger")
    AccessRequest.objects.create(
        public_id=work.public_id, community=community.slug, user=a_user(), purpose="My grandmother."
    )
    ReaderReport.objects.create(public_id=work.public_id, community=community.slug, kind="mistake", message="1922?")
    batch = ImportBatch.objects.create(
        community=community, by=member, options={"collection": "voices", "dry_run": True}, started_at=timezone.now()
    )
    job = jobs.enqueue("prove-absence", input={"case": 0}, scope=f"community:{community.slug}")
    return [
        "/admin/",
        *(f"/admin/{name}/" for name in KINDS),
        *(f"/admin/{name}/new/" for name in KINDS),
        f"/admin/testimonies/edit/{work.pk}/",
        *(f"/admin/testimonies/{work.pk}/{name}/" for name in SCREENS),
        f"/admin/testimonies/{work.pk}/redactions/?also={said.pk}",
        f"/admin/clips/edit/{clip.pk}/",
        f"/admin/people-records/edit/{narrator.pk}/",
        f"/admin/people-records/{narrator.pk}/merge/",
        f"/admin/places/edit/{place.pk}/",
        "/admin/desk/imports/",
        f"/admin/desk/imports/{batch.uuid}/",
        *(f"/admin/desk/community/{community.slug}/{name}/" for name in ("members", "readers", "proposals")),
        "/admin/jobs/",
        f"/admin/jobs/{job.public_id}/",
    ]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_screen_of_the_desk_is_without_violations(visit, archive_site, language):
    if not AXE.exists():
        pytest.skip("axe-core is not installed: run scripts/build_frontend.py.")
    member = a_member(a_community("valley"), "editor", "publisher", "steward", "translator")
    UserProfile.objects.update_or_create(user=member, defaults={"preferred_language": language})
    page = visit(member, viewport={"width": 1280, "height": 900}, bypass_csp=True, reduced_motion="reduce")
    complaints: list[str] = []
    for address in screens(member):
        page.emulate_media(color_scheme="light")
        answer = page.goto(address)
        assert answer.status == 200 and page.url.endswith(address), address
        assert page.evaluate("document.documentElement.dir") == ("rtl" if language == "ar" else "ltr")
        page.add_script_tag(path=str(AXE))
        # A colour half way between light and dark is nobody's.
        page.add_style_tag(content="* { transition: none !important; animation: none !important; }")
        complaints += [f"{address}, light: {said}" for said in page.evaluate(CHECK, EVERYTHING)]
        page.emulate_media(color_scheme="dark")
        complaints += [f"{address}, dark: {said}" for said in page.evaluate(CHECK, COLOURS)]
    assert not complaints, "\n".join(complaints)
    assert page.problems == []
