"""Records that a text points to by an identifier although no link of its work names them.

An editor may take a link out and leave the mark in the text: its identifier would then be published by a work that
knows nothing of the record's seals, its precision or the name it is shown under.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q

from archive.importing.authorities import ENTITY_KINDS, normal_uri
from archive.models import ExternalId, Record
from archive.projection.authorities import AuthorityView, load_authorities, view_of
from archive.record_types import authority_types

#: Identifiers in one question; SQLite takes a limited number of parameters.
_PART = 400


def views_unlinked(
    snapshots: Mapping[int, Mapping[str, Any]], owners: Mapping[int, int | None], views: Mapping[str, AuthorityView]
) -> dict[int, tuple[AuthorityView, ...]]:
    """Views of the records that marks point to without a link, by the key of the work.

    :param snapshots: what is to be published of each work, by its key.
    :param owners: key of each work's community: of another's records nothing is asked, each keeps its own seals.
    :param views: everything that any of these works names.
    """
    pointed = {key: _pointed_at(snapshot, views) for key, snapshot in snapshots.items()}
    found: dict[str, set[tuple[str, int | None]]] = {}
    identifiers = sorted(set().union(*pointed.values()))
    for start in range(0, len(identifiers), _PART):
        part = identifiers[start : start + _PART]
        rows = ExternalId.objects.filter(uri__in=part).values_list("uri", "record__public_id", "record__community")
        for uri, public_id, owner in rows:
            found.setdefault(uri, set()).add((public_id, owner))
        records = Record.objects.filter(Q(public_id__in=part), kind__in=authority_types())
        for public_id, owner in records.values_list("public_id", "community"):
            found.setdefault(public_id, set()).add((public_id, owner))
    loaded = load_authorities({public_id for each in found.values() for public_id, _owner in each})
    shown = {public_id: view_of(record) for public_id, record in loaded.items()}
    return {
        key: tuple(
            shown[public_id]
            for public_id in sorted(
                {
                    public_id
                    for identifier in identifiers
                    for public_id, owner in found.get(identifier, ())
                    if owner in (None, owners[key])
                }
            )
            if public_id in shown
        )
        for key, identifiers in pointed.items()
    }


def _pointed_at(snapshot: Mapping[str, Any], views: Mapping[str, AuthorityView]) -> set[str]:
    named = {link["target"] for link in snapshot.get("links", [])}
    named |= {one["person"] for one in snapshot.get("contributions", [])} | {snapshot.get("place")}
    known = {identifier for key in named if key in views for identifier in views[key].identifiers}
    marks = (mark for track in snapshot.get("tracks", []) for cue in track["cues"] for mark in cue.get("marks") or ())
    return {
        spelling
        for mark in _with_their_own(marks)
        if mark["type"] in ENTITY_KINDS
        for written in (str(mark.get("ref") or ""), str(mark.get("key") or ""))
        if written and written not in known
        for spelling in (written, normal_uri(written)[1], written.removeprefix("#cairn-"))
        if spelling
    }


def _with_their_own(marks: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Marks and those inside them: a note has marks of its own."""
    for mark in marks:
        yield mark
        yield from _with_their_own((mark.get("data") or {}).get("marks") or ())
