"""Collections, which hold works and are public with them; and clips, which are part of their work's publication."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from archive.companions import named_collection
from archive.models import RecordKind
from archive.record_types import RecordType, texts_in


class CollectionType(RecordType):
    kind, model = RecordKind.COLLECTION.value, "archive.Collection"
    has_page = True
    # Its short name is its address for imports: it stays as it is.
    not_restored = frozenset({"slug"})
    fields = ("slug", "title", "abstract", "licence_uri", "edition")

    def public_face(self, record: Any) -> Any:
        return (named_collection(record), record.abstract, record.edition, record.licence_uri)


class ClipType(RecordType):
    kind, model = RecordKind.CLIP.value, "archive.Clip"
    related = ("community", "work")
    part_of = "work"
    fields = ("title", "context", "first_anchor", "last_anchor", "start_ms", "end_ms", "audience")
    # Who may hear it is decided anew, by somebody who may publish.
    not_restored = frozenset({"audience"})

    def snapshot(self, record: Any) -> dict[str, Any]:
        return {**super().snapshot(record), "work": record.work.public_id}

    def words(self, snapshot: Mapping[str, Any]) -> Iterator[str]:
        yield from texts_in([snapshot.get("title"), snapshot.get("context")])


TYPES: tuple[type[RecordType], ...] = (CollectionType, ClipType)
