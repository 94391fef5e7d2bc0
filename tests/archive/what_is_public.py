"""Everything a reader without an account can be told of a work and of what it names, as one text to look in."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.test import Client
from django.utils import timezone

from archive.gate import Gate
from archive.interchange import EXPORTS
from archive.models import Publication, PublicationLink
from archive.public.citations import FORMS
from archive.public.kinds import public_kind
from archive.search_documents import documents_of
from tests.archive.factories import committed


def rows_about(public_id: str) -> str:
    """What the rows of one publication hold, its links and its passages in the search index."""
    rows = list(Publication.objects.filter(public_id=public_id).values())
    links = list(PublicationLink.objects.filter(publication__public_id=public_id).values_list("relation", "target"))
    return "\n".join([_text(rows), _text(links), _text([repr(one) for one in documents_of(public_id)])])


def pages_about(kind: str, public_id: str) -> str:
    """Every page, file and answer of the API about one publication."""
    client, segment = Client(), public_kind(kind).segment
    paths = [f"/en/{segment}/{public_id}/", f"/api/v1/{segment}/{public_id}"]
    if kind in ("testimony", "document"):
        paths += [f"/en/{segment}/{public_id}/cite/{form}/" for form in FORMS]
        paths += [f"/en/{segment}/{public_id}/download/{form}/" for form in EXPORTS]
    return "\n".join(client.get(path).content.decode() for path in paths)


def lists_with(kinds: Iterable[str]) -> str:
    """Every list in which something of these kinds can stand."""
    client = Client()
    paths = ["/en/", "/en/feeds/new.atom", "/sitemap-publications.xml"]
    for kind in kinds:
        paths += [f"/en/{public_kind(kind).segment}/", f"/api/v1/{public_kind(kind).segment}/"]
    return "\n".join(client.get(path).content.decode() for path in paths)


def made_anew(*works: Any) -> None:
    """Let the gate decide again about works whose rows were changed behind its back."""
    with committed():
        for work in works:
            work.refresh_from_db()
        Gate(timezone.now()).refresh(works)


def _text(value: Any) -> str:
    return json.dumps(value, default=str, ensure_ascii=False)
