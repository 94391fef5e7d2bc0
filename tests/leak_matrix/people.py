"""Narrators and authors who are not to be known by their names, and who could be found all the same.

In each case the work has two people whose own words it is: one whom nothing else names, and one whom another public
work names by her real name. Both are linked from the text besides, and marks in it carry everything that a mark can.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from archive.models import Contribution, EntityLink, ExternalId, IndexSegment, Person
from archive.revisions import save_revision
from archive.values.language_map import language_map
from tests.archive.factories import a_person, a_testimony, published
from tests.leak_matrix.planting import YES, Apart, Planted

#: case → how the consent names them, what is sealed in the work, whether a name to show instead is given and shown.
CASES: dict[str, tuple[str, list[str], bool]] = {
    "pseudonym": ("pseudonym", [], True),
    "first-name": ("first-name", [], True),
    "withheld": ("withheld", [], False),
    "sealed-name": ("real-name", ["real_name"], False),
}


def plant_people(community: Any) -> list[Planted]:
    """A work for each case, and one that names by her real name whoever is public elsewhere."""
    openly = Planted.of_case("named-openly")
    cases = [_planted(case, community, openly) for case in CASES]
    openly.work = a_testimony(
        community,
        title=language_map(openly.word("title"), "hy"),
        people=[planted.apart[0].record for planted in cases],
    )
    openly.remember_hashes()
    published(openly.work, {**YES, "public-web": "yes"})
    return [*cases, openly]


def _planted(case: str, community: Any, openly: Planted) -> Planted:
    identity, sealed, shown = CASES[case]
    planted = Planted.of_case(case)
    alone = _known_by(planted, community, planted.secret("realname"), planted.never)
    name = openly.word(f"{case.replace('-', '')}realname")
    abroad = _known_by(planted, community, name, planted.elsewhere)
    title = planted.word("title")
    work = planted.work = a_testimony(
        community,
        original=f"Գետը {planted.word('original')}",
        title=language_map(title, "hy"),
        sealed=sealed,
    )
    track = work.tracks.get(key="t1")
    anchor = track.cues[0]["id"]
    track.cues = [{**track.cues[0], "marks": [_mark(person, start) for start, person in enumerate((alone, abroad))]}]
    track.save()
    for person, role in ((alone, "narrator"), (abroad, "author")):
        credit = planted.word(f"{role}credit") if shown else planted.secret(f"{role}credit")
        Contribution.objects.create(record=work, person=person, role=role, credited_as=credit)
        EntityLink.objects.create(record=work, target=person, relation="subject", anchors=[anchor])
        EntityLink.objects.create(record=work, target=person, relation="mentioned", anchors=[])
    segment = IndexSegment.objects.create(record=work, key="s1", anchor=anchor, title=language_map("The river", "en"))
    segment.entities.add(alone, abroad)
    save_revision(work, origin="edit")
    work.refresh_from_db()
    planted.remember_hashes()
    planted.facts.add(alone.public_id)
    planted.gone.append(alone)
    planted.elsewhere |= {name, abroad.public_id}
    planted.apart.append(Apart(abroad, shows={name}, hides={work.public_id, title}))
    planted.questions = [
        f"/api/v1/search?q={quote(name)}",
        *(f"/en/search/?person={person.public_id}" for person in (alone, abroad)),
    ]
    published(work, {**YES, "public-web": "yes"}, identity=identity)
    return planted


def _known_by(planted: Planted, community: Any, name: str, kept: set[str]) -> Any:
    """A person with everything by which she could be recognised; what only her record says is in ``kept``."""
    number = len(planted.gone) + len(planted.apart)

    def canary(what: str) -> str:
        word = planted.secret(f"{what}{number}")
        if kept is not planted.never:
            planted.never.discard(word)
            kept.add(word)
        return word

    person = a_person(
        community,
        name,
        name_policy=Person.NamePolicy.FULL,
        note=language_map(canary("note"), "en"),
        other_names=[{"text": canary("othername"), "language": "hy", "type": "birth"}],
    )
    ExternalId.objects.create(record=person, owner=community.slug, uri=f"https://people.example/{canary('uri')}")
    return person


def _mark(person: Any, start: int) -> dict[str, Any]:
    """A mark over one letter that names a person in every way in which importers and editors make marks."""
    uri = person.external_ids.get().uri
    data = {"source_key": uri.rpartition("/")[2], "n": person.public_id}
    return {"start": start, "end": start + 1, "type": "person", "ref": uri, "key": person.public_id, "data": data}
