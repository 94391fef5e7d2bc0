"""Records to test with: a fictional valley, small and in several languages."""

from __future__ import annotations

import itertools
from typing import Any

from django.contrib.auth import get_user_model
from django.test import TestCase
from django.utils import timezone

from archive.actions.publish import PublishAction, ReviewAction
from archive.models import (
    Collection,
    Community,
    ConsentRecord,
    Contribution,
    EntityLink,
    ExternalId,
    Membership,
    Person,
    Place,
    Scope,
    Testimony,
    TextTrack,
)
from archive.revisions import save_revision
from archive.values.language_map import language_map

_numbers = itertools.count(1)

ARMENIAN = "Մենք գիտեինք, որ գետը կփրկի մեզ։"
ENGLISH = "We knew that the river would save us."

ALL_YES = dict.fromkeys(Scope.values, "yes")


def a_user(**fields: Any) -> Any:
    """A user who has signed in once; ``is_superuser=True`` makes an operator."""
    name = fields.pop("username", f"user-{next(_numbers)}")
    return get_user_model().objects.create_user(username=name, **fields)


def a_community(slug: str = "", **fields: Any) -> Community:
    slug = slug or f"valley-{next(_numbers)}"
    return Community.objects.create(slug=slug, name=language_map(f"Association {slug}", "en"), **fields)


def a_member(community: Community, *roles: str, **fields: Any) -> Any:
    user = a_user(**fields)
    for role in roles:
        Membership.objects.create(community=community, user=user, role=role, since=timezone.now())
    return user


def a_collection(community: Community, **fields: Any) -> Collection:
    number = next(_numbers)
    defaults = {"slug": f"voices-{number}", "title": language_map(f"Voices {number}", "en")}
    return Collection.objects.create(community=community, **{**defaults, **fields})


def a_place(name: str = "Kertavan", language: str = "hy", **fields: Any) -> Place:
    place = Place.objects.create(name=language_map(name, language), **fields)
    ExternalId.objects.create(record=place, uri=f"https://places.example/{place.public_id}")
    return place


def a_person(community: Community, name: str = "Anahit Sarian", **fields: Any) -> Person:
    fields.setdefault("name_policy", Person.NamePolicy.FULL)
    return Person.objects.create(community=community, name=language_map(name, "hy"), **fields)


def cue(anchor: str, text: str, group: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "id": anchor,
        "group": group,
        "page": "",
        "start_ms": None,
        "end_ms": None,
        "speaker": "",
        "text": text,
        "marks": [],
        "kind": "p",
        "paratext": "",
        "public_text": None,
        **fields,
    }


def a_testimony(community: Community | None = None, *, original: str = ARMENIAN, english: str = ENGLISH, **fields: Any):
    """A testimony with an original and a translation, one revision, no consent yet."""
    community = community or a_community()
    collection = fields.pop("collection", None) or a_collection(community)
    people = fields.pop("people", ())
    places = fields.pop("places", ())
    defaults = {
        "title": language_map("Գետը", "hy", en="The river"),
        "abstract": language_map("A woman tells of the river.", "en"),
        "original_language": "hy",
        "languages": ["hy", "en"],
        "date": "1921",
        "licence_uri": "https://creativecommons.org/licenses/by/4.0/",
        "licence_label": "CC BY 4.0",
        "download_allowed": True,
    }
    work = Testimony.objects.create(community=community, collection=collection, **{**defaults, **fields})
    TextTrack.objects.create(
        record=work,
        key="t1",
        kind="transcript",
        language="hy",
        is_original=True,
        cues=[cue(f"p-{work.public_id[:4]}aaa1", original, "g1")],
    )
    TextTrack.objects.create(
        record=work,
        key="t2",
        kind="translation",
        language="en",
        position=1,
        cues=[cue(f"p-{work.public_id[:4]}bbb1", english, "g1")],
    )
    for position, person in enumerate(people):
        Contribution.objects.create(record=work, person=person, role="narrator", position=position)
    for place in places:
        EntityLink.objects.create(record=work, target=place, anchors=[f"p-{work.public_id[:4]}aaa1"])
    save_revision(work, origin="edit")
    work.refresh_from_db()
    return work


def consent(work: Any, scopes: dict[str, str] | None = None, **fields: Any) -> ConsentRecord:
    """Write the next consent version without asking the gate; the basis is informed consent."""
    last = ConsentRecord.objects.filter(record_id=work.pk).order_by("-version").first()
    fields.setdefault("basis", ConsentRecord.Basis.INFORMED)
    given = ConsentRecord(
        record_id=work.pk,
        version=last.version + 1 if last else 1,
        scopes=ALL_YES if scopes is None else scopes,
        **fields,
    )
    given.save()
    return given


def published(work: Any = None, scopes: dict[str, str] | None = None, **fields: Any):
    """A testimony that has passed the gate, as far as ``scopes`` let it."""
    work = work or a_testimony()
    consent(work, scopes, **fields)
    with committed():
        ReviewAction(None, [work]).execute()
        PublishAction(None, [work]).execute()
    return work


def committed() -> Any:
    """A block whose transactions count as committed, also inside a test that is rolled back.

    What waits for the commit (search's outbox, Celery's bell) then happens at the end of the block.
    """
    return TestCase.captureOnCommitCallbacks(execute=True)
