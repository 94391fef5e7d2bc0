"""Kinds of publication behind their registry: what nobody registered is neither addressed nor shown, and says so."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from archive.models import Publication, RecordKind
from archive.public import kinds
from archive.public.addresses import list_url, page_url
from archive.public.kinds import AlreadyRegistered, UnknownKind, all_kinds, of_segment, public_kind, register, works

#: Kinds of record that have no page of their own: a clip stands on its work's page, a source is cited there.
WITHOUT_A_PAGE = {RecordKind.CLIP, RecordKind.SOURCE}


@pytest.fixture
def registry(monkeypatch):
    """A copy that the test may change."""
    monkeypatch.setattr(kinds, "_BY_KIND", dict(kinds._BY_KIND))


def test_every_kind_of_record_that_has_a_page_is_registered():
    assert {entry.kind for entry in all_kinds()} == set(RecordKind.values) - WITHOUT_A_PAGE
    assert works() == ("testimony", "document")


def test_a_name_or_a_segment_is_given_once(registry):
    taken = public_kind("place")
    with pytest.raises(AlreadyRegistered):
        register(taken)
    with pytest.raises(AlreadyRegistered):
        register(replace(taken, kind="site"))
    register(replace(taken, kind="site", segment="sites"))
    assert of_segment("sites").kind == "site"


@pytest.mark.parametrize("ask", [public_kind, list_url, lambda kind: page_url(kind, "0000000000")])
def test_a_kind_that_nobody_registered_is_named_in_the_refusal(ask):
    with pytest.raises(UnknownKind, match="bridge"):
        ask("bridge")


def test_what_is_not_cited_and_not_exported_has_no_such_address(site):
    """Citations and downloads are the entry's to give: a place has neither, and answers as an address of nothing."""
    now = timezone.now()
    row = Publication.objects.create(
        public_id="k3m9x0w7ta",
        kind="place",
        audience="public",
        serves_public=True,
        version="v",
        payload={"kind": "place", "id": "k3m9x0w7ta", "name": {"original": "en", "values": {"en": {"text": "Lorn"}}}},
        first_published_at=now,
        published_at=now,
    )
    address = page_url("place", row.public_id)
    assert Client().get(address).status_code == 200
    assert Client().get(f"{address}cite/apa/").status_code == 404
    assert Client().get(f"{address}download/tei/").status_code == 404


def test_no_template_writes_the_address_of_a_list_by_hand():
    """One builder of addresses: ``list_of`` and ``page_of``."""
    segments = "|".join(entry.segment for entry in all_kinds())
    by_hand = re.compile(rf"\}}\}}/({segments})/")
    found = [
        path.name for path in Path(settings.BASE_DIR, "templates").rglob("*.html") if by_hand.search(path.read_text())
    ]
    assert found == []
