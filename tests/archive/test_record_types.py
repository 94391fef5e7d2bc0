"""A kind of record that is not registered, or not whole, is refused and never skipped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps

from archive.checks import check_kinds, not_whole, unregistered
from archive.models import Record
from archive.naming import public_face
from archive.own_types.authorities import EventType, PersonType
from archive.own_types.works import TestimonyType
from archive.public import kinds
from archive.record_types import (
    AlreadyRegistered,
    GatedType,
    NotGated,
    RecordType,
    Registry,
    Seal,
    UnknownType,
    concrete,
    load,
    load_gated,
    record_type,
    registry,
)
from archive.revisions import snapshot_of
from archive.seals import seals_of
from tests.archive.factories import a_community, a_person, a_place, a_testimony, published


def codes(messages: Any) -> list[str]:
    return sorted(message.id for message in messages)


def lacking(**changes: Any) -> RecordType:
    """A testimony's entry with something changed."""
    return type("Lacking", (TestimonyType,), changes)()


def test_every_kind_of_this_installation_is_registered_and_whole():
    assert check_kinds() == []


def test_a_record_that_nobody_registered_is_an_error():
    models = [model for model in apps.get_models() if issubclass(model, Record) and model is not Record]
    without = [entry for entry in registry if entry.kind != "event"]
    assert codes(unregistered(models, without)) == ["archive.E101"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"model": "archive.Nothing"}, "archive.E102"),
        ({"kind": "document"}, "archive.E102"),
        ({"fields": (*TestimonyType.fields, "no_such_field")}, "archive.E103"),
        ({"names": ("nowhere",)}, "archive.E103"),
        ({"owner": "nobody"}, "archive.E104"),
        ({"owner": "collection"}, "archive.E104"),
        ({"seals": (Seal("empty", "empty", ("title",), ()),)}, "archive.E105"),
        ({"gated": False}, "archive.E106"),
    ],
)
def test_an_entry_that_lacks_a_part_is_an_error(changes: dict[str, Any], code: str):
    assert codes(not_whole([TestimonyType()], kinds.known)) == []
    assert code in codes(not_whole([lacking(**changes)], kinds.known))


@pytest.mark.parametrize("part", ["materials", "project", "stub"])
def test_a_gated_kind_that_lacks_a_part_cannot_be_made(part: str):
    with pytest.raises(TypeError, match=part):
        lacking(**{part: getattr(GatedType, part)})


def test_what_only_says_that_it_is_gated_is_an_error():
    assert codes(not_whole([type("Lacking", (EventType,), {"gated": True})()], kinds.known)) == ["archive.E106"]


def test_a_kind_with_pages_and_no_public_entry_is_an_error():
    assert codes(not_whole([TestimonyType(), EventType()], lambda kind: None)) == ["archive.E107", "archive.E107"]


def test_a_kind_is_registered_once():
    own = Registry()
    own.register(PersonType())
    with pytest.raises(AlreadyRegistered):
        own.register(PersonType())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "ask",
    [
        lambda record: record_type(record.kind),
        lambda record: load([record.pk]),
        lambda record: load_gated([record.pk]),
        concrete,
        public_face,
        snapshot_of,
        lambda record: seals_of(record.kind),
    ],
)
def test_whoever_asks_about_an_unknown_kind_is_refused(ask):
    stray = Record.objects.create(kind="probe")
    with pytest.raises(UnknownType, match="probe"):
        ask(stray)


@pytest.mark.django_db
def test_what_has_no_consent_of_its_own_is_not_taken_for_something_that_has():
    person = a_person(a_community())
    with pytest.raises(NotGated, match=str(person.pk)):
        load_gated([person.pk])


@pytest.mark.django_db
def test_a_guard_of_a_kind_is_a_line_of_its_checklist_and_closes_the_gate(site, monkeypatch):
    from archive.assessment import Reason
    from archive.gate import Gate
    from archive.models import Publication

    work = published(a_testimony(a_community()))
    no = SimpleNamespace(answer=False)
    guard = lambda record, consent, now: Reason("measured", no.answer, "It is measured.", "Measure it.")  # noqa: E731
    monkeypatch.setattr(type(record_type(work.kind)), "guards", (guard,))
    assessment = Gate().refresh([work])[work.public_id]
    assert [reason.code for reason in assessment.blocking] == ["measured"]
    assert not Publication.objects.filter(public_id=work.public_id).exists()
    no.answer = True
    assert Gate().refresh([work])[work.public_id].allowed


@pytest.mark.django_db
def test_records_of_several_kinds_come_in_the_order_asked_for():
    community = a_community()
    person, place, work = a_person(community), a_place(), a_testimony(community)
    assert load([work.pk, person.pk, place.pk, work.pk]) == [work, person, place]
