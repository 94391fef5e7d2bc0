"""Rows written in bulk read back as Django itself would have written them."""

from __future__ import annotations

import uuid

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from archive.bulk_rows import insert_rows, insert_values
from archive.models import Publication, PublicationLink, PublishedFile

pytestmark = pytest.mark.django_db


def _publication(public_id: str) -> Publication:
    now = timezone.now()
    return Publication(
        public_id=public_id,
        kind="testimony",
        community="łódź",
        audience="public",
        payload={"title": "זכרונות", "n": [1, 2.5, None, True]},
        title={"original": "he", "values": {}},
        year_from=1944,
        fiction=True,
        first_published_at=now,
        published_at=now,
    )


def test_objects_come_back_as_they_were_and_know_their_keys() -> None:
    rows = [_publication("aaaaaaaaaa"), _publication("bbbbbbbbbb")]
    keys = insert_rows(Publication, rows)
    assert [row.pk for row in rows] == keys
    assert len(set(keys)) == 2
    for row in rows:
        stored = Publication.objects.get(pk=row.pk)
        for field in Publication._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(row, field.attname), field.name
    rows[0].year_to = 1945
    rows[0].save()
    assert Publication.objects.count() == 2


def test_values_of_plain_tables_go_through_their_fields() -> None:
    publication = _publication("aaaaaaaaaa")
    insert_rows(Publication, [publication])
    insert_values(
        PublicationLink,
        ("publication_id", "relation", "target"),
        [(publication.pk, "language", "yi"), (publication.pk, "place", "x'; --")],
    )
    assert set(publication.links.values_list("relation", "target")) == {("language", "yi"), ("place", "x'; --")}
    number = uuid.uuid4()
    insert_values(
        PublishedFile,
        ("uuid", "publication_id", "path", "media_type", "bytes"),
        [(str(number), publication.pk, "a/b", "audio/ogg", 3)],
    )
    assert publication.files.get().uuid == number


def test_nothing_is_written_for_nothing_and_constraints_hold() -> None:
    assert insert_rows(Publication, []) == []
    insert_values(PublicationLink, ("publication_id", "relation", "target"), [])
    insert_rows(Publication, [_publication("aaaaaaaaaa")])
    with pytest.raises(IntegrityError), transaction.atomic():
        insert_rows(Publication, [_publication("aaaaaaaaaa")])
    assert Publication.objects.count() == 1
