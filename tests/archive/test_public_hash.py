"""The hash that a publication carries is that of what is shown: it proves a download and no guess at what is hidden."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from archive.models import Publication, Redaction, Revision
from archive.projection import works
from archive.projection.reach import RedactionRule
from archive.projection.works import Materials, project_work
from archive.revisions import sha256_of, snapshot_of
from tests.archive.factories import a_testimony, published
from tests.archive.what_is_public import pages_about, rows_about

pytestmark = pytest.mark.django_db


def a_redacted_work(hidden: str = "Hovsep"):
    work = a_testimony(english=f"My neighbour {hidden} hid us.")
    anchor = work.tracks.get(key="t2").cues[0]["id"]
    Redaction.objects.create(record=work, anchor=anchor, words=hidden, mode="remove", reason="danger")
    return published(work)


def guesses_confirmed(work) -> list[str]:
    """Hashes of the whole text that somebody outside could hold her guess against."""
    said = rows_about(work.public_id) + pages_about(work.kind, work.public_id)
    whole = [sha256_of(snapshot_of(work)), *Revision.objects.filter(record_id=work.pk).values_list("sha256", flat=True)]
    return [known for known in whole if known in said]


def test_no_public_surface_carries_a_hash_of_what_was_redacted(site):
    assert guesses_confirmed(a_redacted_work()) == []


def test_publishing_the_hash_of_the_revision_again_is_noticed(site, monkeypatch):
    def old(payload):
        snapshot = Revision.objects.latest("pk").sha256
        return {**payload, "revision": {**payload["revision"], "hash": snapshot}}

    monkeypatch.setattr(works, "with_hash", old)
    assert guesses_confirmed(a_redacted_work())


def test_a_reader_checks_a_download_by_the_hash_in_it(site):
    work = a_redacted_work()
    for path in (f"/en/testimonies/{work.public_id}/download/json/", f"/api/v1/testimonies/{work.public_id}"):
        told = json.loads(Client().get(path).content)
        for name in ("url", "audience"):
            # The API says these beside the publication.
            told.pop(name, None)
        claimed = told["revision"].pop("hash")
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert claimed == hashlib.sha256(text.encode()).hexdigest(), path
        told["title"]["values"]["en"]["text"] += "."
        text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        assert claimed != hashlib.sha256(text.encode()).hexdigest()


def test_works_that_differ_in_hidden_words_only_look_the_same_to_the_last_byte(site):
    work = a_testimony(english="My neighbour Hovsep hid us.")
    snapshot = snapshot_of(work)
    anchor = snapshot["tracks"][1]["cues"][0]["id"]
    materials = Materials(
        public_id=work.public_id,
        kind=work.kind,
        snapshot=snapshot,
        revision={"number": 1, "date": "2026-01-01"},
        community={},
        collection={"id": "c"},
        consent={},
        identity="withheld",
        sealed=frozenset(),
        redactions=(RedactionRule(timezone.now(), "community", anchor=anchor, start=13, end=19),),
    )
    other = json.loads(json.dumps(snapshot).replace("Hovsep", "Vartan"))
    assert other != snapshot
    assert project_work(materials, "public") == project_work(replace(materials, snapshot=other), "public")


def test_a_stub_carries_no_hash(site):
    work = published(a_testimony(), {"preserve": "yes", "public-web": "ask"})
    stub = Publication.objects.get(public_id=work.public_id, stub=True)
    assert "hash" not in json.dumps(stub.payload) and stub.sort_key == ""
