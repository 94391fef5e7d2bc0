"""The order of a list and its letters tell a name as surely as the name: both must come from what is shown.

Ethiopic has no capitals and no accents to fold, so a letter stands for nothing but itself, and no other record here
begins with one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from archive.actions.publish import PublishAction
from archive.models import EntityLink, Person
from archive.models.record import sort_key
from archive.public.kinds import all_kinds
from archive.revisions import save_revision
from archive.values.language_map import language_map, original_text
from tests.archive.factories import a_person, a_testimony, committed, consent, published
from tests.leak_matrix.planting import EVERYBODY, YES, Garden, Planted

#: What a reader sees begins with the first, what it must not be placed by with the last; something stands between.
SHOWN, BETWEEN, HIDDEN = "ለ", "ሐ", "ሸ"
OPEN = {**YES, "public-web": "yes"}


def plant_order(community: Any) -> list[Planted]:
    """A work whose title somebody changed since its review, naming a person who is shown by another name."""
    planted = Planted.of_case("sorted")
    planted.work = work = a_testimony(community, title=language_map(f"{SHOWN}{planted.word('title')}", "am"))
    person = a_person(
        community,
        f"{HIDDEN}{planted.secret('realname')}",
        name_policy=Person.NamePolicy.PSEUDONYM,
        public_name=language_map(f"{SHOWN}{planted.word('pseudonym')}", "am"),
    )
    for target in (person, a_person(community, f"{BETWEEN}{planted.word('between')}")):
        EntityLink.objects.create(record=work, target=target)
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work, OPEN)
    work.title = language_map(f"{HIDDEN}{planted.secret('drafttitle')}", "am")
    work.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    planted.remember_hashes()
    # A new consent makes the publication anew, of the reviewed text and not of the draft.
    consent(work, {**OPEN, "research": "yes"})
    with committed():
        PublishAction(None, [work]).execute()
    beside = Planted.of_case("sorted-between")
    beside.work = a_testimony(community, title=language_map(f"{BETWEEN}{beside.word('title')}", "am"))
    beside.remember_hashes()
    published(beside.work, OPEN)
    return [planted, beside]


def order_leaks(garden: Garden, actors: Collection[str] = EVERYBODY) -> list[str]:
    """Every list that is not in the order of what it shows, and every letter that opens what begins with another."""
    wrong = []
    for actor in actors:
        client = garden.clients[actor]
        for segment in (entry.segment for entry in all_kinds()):
            results = client.get(f"/api/v1/{segment}/").json()["results"]
            keys = [sort_key(original_text(result["title"] or {})) for result in results]
            if keys != sorted(keys):
                wrong.append(f"{actor} finds {segment} in another order than that of their names")
        for segment in ("testimonies", "people"):
            for letter, expected in ((SHOWN, 200), (HIDDEN, 404)):
                status = client.get(f"/en/{segment}/?letter={letter}").status_code
                if status != expected:
                    wrong.append(f"{actor} gets {status} instead of {expected} for the letter {letter} of {segment}")
    return wrong
