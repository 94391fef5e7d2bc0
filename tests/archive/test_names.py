"""Nothing leads from a work to somebody who speaks in it under another name, or under none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from django.test import Client

from archive import companions
from archive.actions.consent import RecordConsentAction
from archive.models import (
    Clip,
    ConsentRecord,
    Contribution,
    EntityLink,
    ExternalId,
    IndexSegment,
    Person,
    Publication,
    PublicationLink,
)
from archive.naming_advice import naming_advice
from archive.projection import naming_people
from archive.projection.authorities import words_of
from archive.projection.naming_people import Naming
from archive.revisions import save_revision
from archive.search_documents import documents_of
from archive.values.language_map import language_map
from search import outbox
from tests.archive.factories import (
    ALL_YES,
    a_community,
    a_member,
    a_person,
    a_testimony,
    committed,
    cue,
    published,
)
from tests.archive.test_desk import at_the_desk
from tests.archive.what_is_public import made_anew, pages_about, rows_about

pytestmark = pytest.mark.django_db

REAL = "Zarouhi Canaryname"
URI = "https://viaf.org/viaf/471108157"
#: identity → what the narrator is credited as
OTHER_NAMES = {"pseudonym": "Mariam", "first-name": "Zarouhi", "withheld": ""}


def narrator(community: Any, **fields: Any) -> Person:
    person = a_person(community, REAL, note=language_map("Born beside the canarymill.", "en"), **fields)
    ExternalId.objects.create(record=person, uri=URI, owner=community.slug)
    return person


def public_elsewhere(person: Person) -> Any:
    """Another work, in which she speaks under her real name."""
    return published(a_testimony(person.community, people=[person], title=language_map("Another", "en")))


def speaks(
    person: Person | None, identity: str, *, credit: str | None = None, linked: Any = None, **fields: Any
) -> Any:
    """A work in which she speaks, published under an identity; it names her wherever a work can name anybody."""
    linked = linked or person
    work = a_testimony(linked.community, **fields)
    key = linked.public_id
    own = f"p-{work.public_id[:4]}aaa1"
    marks = [
        {
            "start": 0,
            "end": 2,
            "type": "person",
            "ref": URI,
            "key": "",
            "data": {"source_ref": "http://viaf.org/viaf/471108157"},
        },
        {"start": 3, "end": 5, "type": "person", "ref": "", "key": key, "data": {"source_key": "canaryname_z"}},
        {"start": 6, "end": 8, "type": "person", "ref": "", "key": "canaryname_z", "data": {"role": "canaryname"}},
        {
            "start": 9,
            "end": 9,
            "type": "note",
            "ref": "",
            "key": "",
            "data": {
                "text": "She",
                "marks": [{"start": 0, "end": 3, "type": "person", "ref": URI, "key": "", "data": {}}],
            },
        },
        {"start": 10, "end": 12, "type": "link", "ref": "http://www.viaf.org/viaf/471108157", "key": "", "data": {}},
    ]
    track = work.tracks.get(key="t1")
    track.cues = [cue(own, "We went down to the river.", "g1", speaker="Canaryname, Z. Zarouhi", marks=marks)]
    track.save()
    credited = OTHER_NAMES.get(identity, "") if credit is None else credit
    Contribution.objects.create(record=work, person=person, role="narrator", credited_as=credited)
    Contribution.objects.create(
        record=work, person=person, role="editor", position=1, credited_as="" if person else REAL
    )
    for relation, anchors in (("subject", []), ("mentioned", [own]), ("about", []), ("life-event", [])):
        EntityLink.objects.create(record=work, target=linked, relation=relation, anchors=anchors)
    segment = IndexSegment.objects.create(record=work, key="s1", anchor=own, title=language_map("The river", "en"))
    segment.entities.add(linked)
    Clip.objects.create(
        community=work.community,
        work=work,
        title=language_map("River", "en"),
        context=language_map("At dawn", "en"),
        first_anchor=own,
        audience="public",
    )
    save_revision(work, origin="edit")
    work.refresh_from_db()
    return published(work, identity=identity)


def traces_of(person: Person, work: Any) -> set[str]:
    """What the public can take from a work about who she is, and whether a page of hers leads to the work."""
    said = rows_about(work.public_id) + pages_about("testimony", work.public_id)
    traces = {"canaryname", "471108157", person.public_id, "canarymill"}
    found = {trace for trace in traces if trace in said or trace in said.lower()}
    for page in Publication.objects.filter(kind="person"):
        if work.public_id in pages_about("person", page.public_id):
            found.add("her page leads here")
    if PublicationLink.objects.filter(publication__public_id=work.public_id, relation="person").exists():
        found.add("it is a work of a person")
    return found


def narrators(work: Any) -> list[Any]:
    contributors = Publication.objects.get(public_id=work.public_id).payload["contributors"]
    return [one["name"] for one in contributors if one["role"] == "narrator"]


# --- Every way in which a work could lead to her ------------------------------------------------------


def test_under_her_real_name_everything_leads_to_her(site):
    """The same work; without this the tests below could pass over an empty page."""
    person = narrator(a_community())
    assert traces_of(person, speaks(person, "real-name")) == {
        "canaryname",
        "471108157",
        person.public_id,
        "her page leads here",
        "it is a work of a person",
    }


@pytest.mark.parametrize("identity", OTHER_NAMES)
def test_under_another_name_nothing_leads_to_her(site, identity):
    person = narrator(a_community())
    work = speaks(person, identity)
    assert narrators(work) == [OTHER_NAMES[identity] or None]
    assert traces_of(person, work) == set()
    assert not Publication.objects.filter(kind="person").exists(), "this work must not publish her page"


@pytest.mark.parametrize("identity", OTHER_NAMES)
def test_nothing_leads_to_her_page_that_another_work_publishes(site, identity):
    person = narrator(a_community())
    public_elsewhere(person)
    work = speaks(person, identity)
    assert Publication.objects.filter(public_id=person.public_id).exists()
    assert traces_of(person, work) == set()


def test_a_sealed_name_keeps_her_apart_whatever_consent_says(site):
    person = narrator(a_community())
    public_elsewhere(person)
    work = speaks(person, "real-name", sealed=["real_name"])
    assert narrators(work) == [None]
    assert traces_of(person, work) == set()


def test_an_identity_that_nobody_knows_is_as_good_as_withheld(site):
    person = narrator(a_community())
    public_elsewhere(person)
    work = speaks(person, "unknown", credit="Mariam")
    assert narrators(work) == [None]
    assert traces_of(person, work) == set()


def test_consent_that_becomes_narrower_takes_everything_back(site):
    person = narrator(a_community())
    work = speaks(person, "real-name", credit="Mariam")
    assert traces_of(person, work)
    terms = {"basis": "informed-consent", "scopes": ALL_YES, "identity": "pseudonym"}
    with committed():
        RecordConsentAction(None, work, terms).execute()
    assert traces_of(person, work) == set() and narrators(work) == ["Mariam"]


# --- The same person by another way -------------------------------------------------------------------


def test_another_record_of_hers_with_the_same_identifier_is_kept_apart(site):
    community = a_community()
    person = narrator(community)
    other = a_person(community, "Z. C.")
    ExternalId.objects.create(record=other, uri="http://www.viaf.org/viaf/471108157/", owner="")
    work = speaks(person, "pseudonym", linked=other)
    assert traces_of(other, work) == set()


def test_another_record_of_her_name_is_kept_apart(site):
    """An import makes persons of the names in a text and none of who speaks."""
    community = a_community()
    person = narrator(community)
    other = a_person(community, "CANARYNAME, Zarouhi")
    assert traces_of(other, speaks(person, "withheld", linked=other)) == set()


def test_a_credit_without_a_record_is_enough_to_keep_her_record_apart(site):
    person = narrator(a_community())
    work = speaks(None, "withheld", credit=REAL, linked=person)
    assert narrators(work) == [None]
    assert traces_of(person, work) == set()


def test_a_record_that_was_merged_away_is_that_into_which_it_was_merged(site):
    community = a_community()
    person, former = narrator(community), a_person(community, "Zaruhi Canarynamian")
    work = speaks(person, "pseudonym", linked=former)
    Person.objects.filter(pk=former.pk).update(merged_into=person.pk)
    made_anew(work)
    assert traces_of(former, work) == set()


def test_a_record_that_was_merged_away_is_named_as_the_one_that_was_kept(site):
    community = a_community()
    kept = a_person(community, REAL, sealed=["real_name"])
    former = a_person(community, "Zarouhi Canarynamian")
    work = a_testimony(community)
    EntityLink.objects.create(record=work, target=former)
    save_revision(work, origin="edit")
    work.refresh_from_db()
    Person.objects.filter(pk=former.pk).update(merged_into=kept.pk)
    published(work)
    assert "Canaryname" not in rows_about(work.public_id)
    assert not Publication.objects.filter(kind="person").exists()


def test_a_pseudonym_that_is_her_real_name_by_mistake_is_not_shown(site):
    person = narrator(a_community())
    assert narrators(speaks(person, "pseudonym", credit="canaryname zarouhi")) == [None]


def test_somebody_else_whom_she_names_keeps_her_link(site):
    community = a_community()
    person, neighbour = narrator(community), a_person(community, "Hovsep Barian")
    work = a_testimony(community)
    own = work.tracks.get(key="t1")
    mark = {"start": 0, "end": 2, "type": "person", "ref": "", "key": neighbour.public_id, "data": {}}
    own.cues = [{**own.cues[0], "marks": [mark]}]
    own.save()
    Contribution.objects.create(record=work, person=person, role="narrator", credited_as="Mariam")
    EntityLink.objects.create(record=work, target=neighbour, anchors=[own.cues[0]["id"]])
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work, identity="pseudonym")
    payload = Publication.objects.get(public_id=work.public_id).payload
    assert [entity["id"] for entity in payload["entities"]] == [neighbour.public_id]
    assert payload["rows"][0]["cells"]["t1"][0]["marks"] == [mark]


def test_marks_lead_to_nobody_whose_record_withholds_her_name(site):
    """Whoever speaks: an identifier in the text names a person as surely as her name."""
    community = a_community()
    person = narrator(community, name_policy=Person.NamePolicy.WITHHELD)
    other = a_person(community, "Anahit Sarian")
    work = a_testimony(community, people=[other])
    own = work.tracks.get(key="t1")
    mark = {"start": 0, "end": 2, "type": "person", "ref": URI, "key": "", "data": {}}
    own.cues = [{**own.cues[0], "marks": [mark]}]
    own.save()
    EntityLink.objects.create(record=work, target=person, anchors=[own.cues[0]["id"]])
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    assert "471108157" not in rows_about(work.public_id) + pages_about("testimony", work.public_id)


@pytest.mark.parametrize("policy", ["pseudonym", "first", "initials"])
def test_a_name_shown_in_place_of_the_real_one_leads_to_no_external_id(site, policy):
    """Whoever speaks, and however she is named: as contributor, in the text, among the names."""
    person = narrator(a_community(), name_policy=policy, public_name=language_map("Mariam", "en"))
    work = speaks(None, "real-name", credit="Hovsep Barian", linked=person)
    Contribution.objects.filter(record=work, role="editor").update(person=person, credited_as="")
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work)
    payload = Publication.objects.get(public_id=work.public_id).payload
    assert {(one["id"], one["authority"]) for one in payload["entities"]} == {(person.public_id, "")}
    assert [one["id"] for one in payload["contributors"]] == [None, person.public_id]
    assert payload["rows"][0]["cells"]["t1"][0]["marks"][0]["key"] == person.public_id
    said = rows_about(work.public_id) + pages_about("testimony", work.public_id)
    said += rows_about(person.public_id) + pages_about("person", person.public_id)
    # Of what the edition calls her only a key that stands alone is left: nothing says whose it is.
    assert [said[m.start() - 90 : m.end() + 20] for m in re.finditer("471108157|Canaryname|source_key", said)] == []


# --- Labels of speakers -------------------------------------------------------------------------------

#: What a label of somebody who is really called Zorvanq Thelmirax may be.
HER_LABELS = ("Mrs Thelmirax", "Z. Thelmirax", "Thelmirax, Z.", "THELMIRAX1", "Zorvanqs Mutter", "Thelmírax’s son")
#: A word that hers is a part of may be another’s.
LIKE_HERS = ("Thelmiraxin annesi", "MrsThelmirax")
OTHER_LABELS = ("Interviewer", "Frau von Barian", "Anna Thelmirax", "Hovsep Barian", "")
#: identity → credit, and what her labels become
HER_NAMES = {"pseudonym": ("Mariam", "Mariam"), "first-name": ("Zora", "Zora"), "withheld": ("", "[…]")}


def labels_of(work: Any, labels: Sequence[str], identity: str) -> list[str]:
    """What becomes of the labels of a work's speakers."""
    track = work.tracks.get(key="t1")
    track.cues = [
        cue(f"p-{work.public_id[:4]}lab{n}", "We went.", f"g{n}", speaker=label) for n, label in enumerate(labels)
    ]
    track.save()
    save_revision(work, origin="edit")
    work.refresh_from_db()
    published(work, identity=identity)
    rows = Publication.objects.get(public_id=work.public_id).payload["rows"]
    return [one["speaker"] for row in rows for one in row["cells"].get("t1", [])]


@pytest.mark.parametrize("identity", HER_NAMES)
def test_no_label_says_a_word_of_the_real_name(site, identity):
    community = a_community()
    person = a_person(community, "Zorvanq von Thelmirax")
    work = a_testimony(community)
    credit, instead = HER_NAMES[identity]
    Contribution.objects.create(record=work, person=person, role="narrator", credited_as=credit)
    Contribution.objects.create(record=work, role="interviewer", position=1, credited_as="Anna Thelmirax")
    said = labels_of(work, HER_LABELS + LIKE_HERS + OTHER_LABELS, identity)
    assert said == [instead] * len(HER_LABELS) + ["[…]"] * len(LIKE_HERS) + list(OTHER_LABELS)


@pytest.mark.parametrize(("policy", "instead"), [("withheld", "[…]"), ("pseudonym", "Mariam"), ("first", "Mariam")])
def test_a_label_calls_every_speaker_as_her_own_record_says(site, policy, instead):
    """Also who does not tell: nobody’s consent to the work speaks for her."""
    community = a_community()
    shown = {} if policy == "withheld" else language_map("Mariam", "en")
    asking = a_person(community, "Zorvanq Thelmirax", name_policy=policy, public_name=shown)
    work = a_testimony(community, people=[a_person(community, "Anahit Sarian")])
    Contribution.objects.create(record=work, person=asking, role="interviewer", position=1)
    said = labels_of(work, (*HER_LABELS, "Anahit Sarian", "Anahit"), "real-name")
    assert said == [instead] * len(HER_LABELS) + ["Anahit Sarian", "Anahit"]


def test_a_relative_who_is_only_named_takes_no_label_from_who_speaks(site):
    community = a_community()
    work = a_testimony(community, people=[a_person(community, "Anahit Sarian")])
    brother = a_person(community, "Hovsep Sarian", name_policy="withheld")
    EntityLink.objects.create(record=work, target=brother, relation="subject")
    said = labels_of(work, ("Mrs Sarian", "Sarian", "Hovsep", "Hovsep S."), "real-name")
    assert said == ["Mrs Sarian", "Sarian", "[…]", "[…]"]


def test_labels_that_nobody_looks_at_are_noticed(site, monkeypatch):
    monkeypatch.setattr(Naming, "_label", lambda _self, one: one["speaker"])
    community = a_community()
    work = a_testimony(community, people=[a_person(community, "Zorvanq Thelmirax")])
    assert labels_of(work, HER_LABELS, "withheld") == list(HER_LABELS)


# --- Her own page -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["pseudonym", "variant"])
def test_her_page_does_not_tell_under_what_name_she_speaks_elsewhere(site, kind):
    community = a_community()
    names = [{"text": "Mariam", "language": "hy", "type": kind}]
    person = narrator(community, other_names=names)
    public_elsewhere(person)
    speaks(person, "pseudonym")
    assert "Mariam" not in rows_about(person.public_id) + pages_about("person", person.public_id)


def test_a_page_that_does_tell_it_is_noticed(site, monkeypatch):
    person = narrator(a_community(), other_names=[{"text": "Mariam", "language": "hy", "type": "variant"}])
    monkeypatch.setattr(companions, "_credits_of", lambda _records: {})
    public_elsewhere(person)
    speaks(person, "pseudonym")
    assert "Mariam" in rows_about(person.public_id)


# --- Switches -----------------------------------------------------------------------------------------


def off(name: str, value: Any) -> Any:
    return lambda monkeypatch: monkeypatch.setattr(Naming, name, value)


SWITCHES = {
    "keep apart": off("keeps_apart", lambda _self, _view: False),
    "clean the text": off("in_text", lambda _self, tracks: tracks),
    "ask consent": lambda monkeypatch: monkeypatch.setattr(
        naming_people, "naming_of", lambda *_args, **_facts: Naming()
    ),
}


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_guard_that_is_turned_off_is_noticed(site, monkeypatch, switch):
    from archive.projection import works

    SWITCHES[switch](monkeypatch)
    monkeypatch.setattr(works, "naming_of", naming_people.naming_of)
    person = narrator(a_community())
    public_elsewhere(person)
    assert traces_of(person, speaks(person, "withheld"))


# --- Search ---------------------------------------------------------------------------------------------


def said_to_search(work: Any) -> str:
    return " ".join(document.text for document in documents_of(work.public_id))


@pytest.mark.parametrize(
    ("identity", "credit", "found"),
    [("pseudonym", "Mira", True), ("first-name", "Mira", True), ("withheld", "Mira", False)],
)
def test_the_name_that_is_shown_is_found_and_no_other(site, identity, credit, found):
    work = speaks(narrator(a_community()), identity, credit=credit)
    assert ("Mira" in said_to_search(work)) is found
    assert "canaryname" not in said_to_search(work).lower()
    outbox.apply_all_pending()
    page = Client().get("/en/search/?q=Mira").content.decode()
    assert (work.public_id in page) is found


def test_a_real_name_that_is_shown_is_found(site):
    assert "canaryname" in said_to_search(speaks(narrator(a_community()), "real-name")).lower()


# --- What the desk is told ----------------------------------------------------------------------------


def advice(work: Any) -> dict[str, bool]:
    consent_row = ConsentRecord.objects.filter(record_id=work.pk).order_by("-version").first()
    return {reason.code: reason.ok for reason in naming_advice(work, consent_row) if reason.advisory}


def sentences(work: Any) -> str:
    consent_row = ConsentRecord.objects.filter(record_id=work.pk).order_by("-version").first()
    return " ".join(str(reason.sentence) for reason in naming_advice(work, consent_row))


def test_the_checklist_says_that_her_record_is_public_through_another_work(site, monkeypatch):
    person = narrator(a_community())
    work = speaks(person, "pseudonym")
    assert advice(work) == {"name-to-show": True, "record-apart": True, "name-in-words": True}
    public_elsewhere(person)
    assert advice(work)["record-apart"] is False
    client = at_the_desk(a_member(person.community, "publisher"), monkeypatch)
    page = client.get(f"/admin/testimonies/{work.pk}/gate/").content.decode()
    assert "Her own record is public through another work" in page
    assert "is not public through another work" not in page
    assert "canaryname" not in page.lower()


def test_nobody_finds_a_sealed_name_out_by_trying_titles(site, monkeypatch):
    community = a_community()
    line = "Title, abstract, index and clips do not say the real name."
    for sealed_person, sealed_work in (([], ["real_name"]), (["real_name"], [])):
        person = narrator(community, sealed=sealed_person)
        ExternalId.objects.all().delete()
        work = speaks(person, "pseudonym", sealed=sealed_work)
        for role, told in (("editor", False), ("steward", True)):
            client = at_the_desk(a_member(community, role), monkeypatch)
            page = client.get(f"/admin/testimonies/{work.pk}/gate/").content.decode()
            assert (line in page) is told, (role, sealed_person)


def test_the_checklist_sees_her_name_in_what_introduces_the_work(site):
    person = narrator(a_community())
    work = speaks(person, "withheld", title=language_map("The house of the Canarynames", "en"))
    assert advice(work) == {"record-apart": True, "name-in-words": False}
    assert "The real name stands here: Title." in sentences(work)


def test_the_checklist_sees_that_there_is_no_name_to_show(site):
    assert advice(speaks(narrator(a_community()), "pseudonym", credit=""))["name-to-show"] is False


def test_a_work_under_the_real_name_has_no_such_lines(site):
    assert advice(speaks(narrator(a_community()), "real-name")) == {}
    assert naming_advice(a_testimony(), None) == []


def test_a_name_is_the_same_in_every_order_case_and_accent():
    assert words_of("Sârian,  ANAHIT") == words_of("Anahit Sarian") == ("anahit", "sarian")
