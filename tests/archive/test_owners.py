"""Whose a thing is, found by the path that its kind or its room names; what nobody named is nobody's."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.contrib.auth import get_user_model

from archive import owners, policy
from archive.models import AccessRequest, Membership, Place, Record, TranscriptDraft, Unfinished
from archive.owners import Owner, owner_of, path_of, register_owner
from archive.policy import may, register_rights, viewer_of, visible
from archive.record_types import record_type, registry
from jobs.models import Job
from tests.archive.factories import a_community, a_member, a_person, a_place, a_testimony, a_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch):
    """Whatever a test registers is gone after it."""
    monkeypatch.setattr(owners, "_PATHS", dict(owners._PATHS))
    monkeypatch.setattr(policy, "ROLE_ACTIONS", dict(policy.ROLE_ACTIONS))
    monkeypatch.setattr(policy, "OWNER_ACTIONS", set(policy.OWNER_ACTIONS))
    monkeypatch.setattr(policy, "OPERATOR_ACTIONS", set(policy.OPERATOR_ACTIONS))


def test_a_record_is_its_communitys_and_one_without_is_the_platforms():
    community = a_community("valley")
    assert owner_of(a_testimony(community)) == Owner("testimony", community="valley")
    assert owner_of(a_place()) == Owner("place")
    assert owner_of(Record.objects.get(pk=a_person(community).pk)) == Owner("person", community="valley")


def test_what_is_attached_to_a_record_is_its_owners():
    work = a_testimony(a_community("valley"))
    assert owner_of(work.tracks.first()) == Owner("testimony", community="valley")
    assert owner_of(SimpleNamespace(record=work)) == Owner("testimony", community="valley")


@pytest.mark.parametrize("thing", [object(), SimpleNamespace(community=""), SimpleNamespace(record=None), Job()])
def test_what_nobody_has_named_is_nobodys(thing):
    assert owner_of(thing) is None
    steward = viewer_of(a_member(a_community(), "steward", "publisher", is_superuser=True))
    assert not may(steward, "read", thing)


def test_a_list_of_what_nobody_has_named_is_refused():
    with pytest.raises(TypeError, match="Job"):
        visible(Job.objects.all(), viewer_of(a_user(is_superuser=True)))


def test_a_kind_of_record_that_nobody_registered_is_nobodys(monkeypatch):
    monkeypatch.setattr(owners, "registry", [entry for entry in registry if entry.kind != "place"])
    assert path_of(Place) is None
    with pytest.raises(TypeError, match="Place"):
        visible(Place.objects.all(), viewer_of(a_user(is_superuser=True)))


def test_the_path_must_lead_to_a_community_or_to_a_person():
    with pytest.raises(ValueError, match="neither"):
        register_owner(Unfinished, "record__title")
    with pytest.raises(ValueError, match="neither"):
        register_owner(Unfinished, "record")


def test_what_belongs_to_a_person_is_hers_alone():
    maker, other = a_user(), a_member(a_community(), "steward", "editor", is_superuser=True)
    register_owner(TranscriptDraft, "user")
    draft = TranscriptDraft.objects.create(record_id=a_testimony().pk, user=maker, tracks={}, base_revision=1)
    assert owner_of(draft) == Owner("transcriptdraft", user=maker.pk)
    assert may(viewer_of(maker), "edit", draft) and not may(viewer_of(maker), "teach", draft)
    assert may(viewer_of(other), "read", draft).reason == "not-the-owner"
    assert list(visible(TranscriptDraft.objects.all(), viewer_of(maker))) == [draft]
    assert not visible(TranscriptDraft.objects.all(), viewer_of(other)).exists()
    assert not visible(TranscriptDraft.objects.all(), policy.ANONYMOUS).exists()


def test_a_kind_of_record_may_belong_to_who_made_it(monkeypatch):
    maker = a_user()
    place = a_place(created_by=maker)
    monkeypatch.setattr(record_type("place"), "owner", "created_by")
    assert path_of(Place) == "created_by"
    assert may(viewer_of(maker), "edit", place) and may(viewer_of(maker), "edit", Record.objects.get(pk=place.pk))
    assert list(visible(Place.objects.all(), viewer_of(maker))) == [place]
    editor = viewer_of(a_member(a_community(), "editor"))
    assert not may(editor, "read", place) and not visible(Place.objects.all(), editor).exists()


def test_a_room_gives_its_own_verbs_to_roles():
    community = a_community()
    work, editor = a_testimony(community), viewer_of(a_member(community, "editor"))
    assert not may(editor, "reconstruct", work)
    register_rights("editor", "reconstruct")
    register_rights("operator", "reconstruct")
    register_rights("owner", "teach")
    assert may(editor, "reconstruct", work)
    assert may(viewer_of(a_user(is_superuser=True)), "reconstruct", a_place())
    assert "teach" in policy.OWNER_ACTIONS
    with pytest.raises(ValueError, match="emperor"):
        register_rights("emperor", "reconstruct")


def test_sealed_fields_of_what_is_the_platforms_are_read_by_nobody_else():
    place = a_place(sealed=["exact_place"])
    editor = viewer_of(a_member(a_community(), "editor", "steward"))
    assert may(editor, "read", place) and not may(editor, "read", place, field="exact_place")


def test_owners_of_the_archives_own_tables_are_found():
    assert path_of(AccessRequest) == "community" and path_of(Membership) == "community"
    assert path_of(Unfinished) == "record__community" and path_of(get_user_model()) is None
