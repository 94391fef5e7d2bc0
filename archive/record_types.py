"""The kinds of record, as the record side knows them: one entry a kind, registered by the room that has it.

A room gives an entry in its ``AppConfig.ready``; gate, checklist, restricted fields, revisions, withdrawal, proof of
absence, erasure, vault and restore then know the kind by this entry alone. Whoever asks about a kind that no room has
registered gets an exception, never silence: silence would leave open what somebody wants closed. The public side has
its own entry (``archive.public.kinds``); the two are joined by the kind's name. Models: Wagtail's ``ActionRegistry``
and Invenio's ``RecordServiceConfig``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from django.apps import apps

from archive.models.record import Record

if TYPE_CHECKING:
    from datetime import datetime

    from archive.models import ConsentRecord, Revision


@dataclass(frozen=True)
class Seal:
    """One thing that can be sealed (restricted to stewards) of a kind of record."""

    #: As it stands in ``Record.sealed``.
    code: str
    label: Any
    #: Form fields of the desk that hold it.
    fields: tuple[str, ...]
    #: Keys of the payload that hold it; a dot leads into the key before it.
    hides: tuple[str, ...]


class Materials(Protocol):
    """What a publication is made from, read once for all its rungs."""

    @property
    def revision(self) -> Mapping[str, Any]:
        """``number`` and ``date`` of the revision that is shown."""

    @property
    def same_on_every_rung(self) -> bool:
        """Whether no rung shows more than the one below it."""

    @property
    def files(self) -> Sequence[Mapping[str, Any]]:
        """Files that may be published, each with ``id``, ``path``, ``mime`` and ``bytes``."""


@dataclass
class Prepared:
    """The materials of several records, by primary key, and what reading them brought besides."""

    materials: dict[int, Any]
    #: Authorities that these records name, by public id, as read in this transaction.
    authorities: Mapping[str, Record]
    #: Public ids of persons whom these records keep apart from their own pages.
    apart: set[str]


#: Asks one thing of a record beside consent, embargo, review and sensitivity; returns a line of the checklist
#: (``archive.assessment.Reason``).
Guard = Callable[[Any, "ConsentRecord | None", "datetime"], Any]


class RecordType:
    """What the record side must know of one kind. Subclasses set the names and say what their kind does otherwise."""

    kind = ""
    #: ``app_label.Model`` of the concrete record.
    model = ""
    #: Path of fields from the record to whom it belongs: a community, or a user.
    owner = "community"
    #: Without a community it is the platform's, and every member of any community may read it.
    shared = False
    #: Whether it is a :class:`GatedType`; else it is public as far as others name it.
    gated = False
    seals: tuple[Seal, ...] = ()
    #: Fields of the row that a snapshot holds as they are.
    fields: tuple[str, ...] = ()
    #: Of these, what an earlier revision that stands again does not bring back: who may see it is decided by itself.
    not_restored: frozenset[str] = frozenset()
    related: tuple[str, ...] = ("community",)
    #: It has publications of its own, and with them a page: the public side has an entry for it too.
    has_page = False
    #: Field of the row that names the gated record whose publication it is part of; empty: of none.
    part_of = ""
    #: Fields of the row that name other records; what is named there is made anew with it, and goes after it.
    names: tuple[str, ...] = ()

    @cached_property
    def model_class(self) -> Any:
        """The model. :raises LookupError: when there is none of this name."""
        return apps.get_model(self.model)

    # --- reading ------------------------------------------------------------------------------

    def load(self, keys: Iterable[int]) -> list[Any]:
        """Records by primary key, with what gate and snapshot need of them."""
        return list(self.model_class.objects.filter(pk__in=list(keys)).select_related(*self.related))

    def snapshot(self, record: Any) -> dict[str, Any]:
        """Everything the record says, as JSON."""
        return {"kind": record.kind, **{name: getattr(record, name) for name in self.fields}}

    def words(self, snapshot: Mapping[str, Any]) -> Iterator[str]:
        """Every text of a snapshot that search may have indexed: the proof of absence looks for each."""
        for value in snapshot.values():
            yield from texts_in(value)

    def named_in(self, snapshot: Mapping[str, Any]) -> set[str]:
        """Public ids of the authorities that a snapshot names: they are kept in the vault beside it."""
        return set()

    def words_beside(self, record: Record) -> Iterator[str]:
        """Texts that its publications said and no snapshot of it holds."""
        yield from ()

    def public_face(self, record: Any) -> Any:
        """What publications of others say of it; when it changes they are made anew. None: nothing."""
        return None

    # --- writing ------------------------------------------------------------------------------

    def restore(self, record: Any, snapshot: Mapping[str, Any]) -> None:
        """Set a saved record to what a snapshot says; called inside a transaction."""
        held = [name for name in self.fields if name in snapshot and name not in self.not_restored]
        for name in held:
            setattr(record, name, snapshot[name])
        # Only what a snapshot holds: the rest of the row (withdrawn, hidden, wanted) may have changed meanwhile.
        record.save(update_fields=[*held, *self._restore_links(record, snapshot), "sort_key", "updated_at"])

    def _restore_links(self, record: Any, snapshot: Mapping[str, Any]) -> Iterable[str]:
        """Set the relations that a snapshot holds; returns the fields of the row that changed with them."""
        return ()

    def erase(self, record: Any) -> None:
        """Take every word out of the row and of what hangs on it; the row stays, as a shell. In a transaction."""
        for name in self.fields:
            field = record._meta.get_field(name)
            setattr(record, name, field.get_default() if field.has_default() else None if field.null else "")


class GatedType(RecordType, ABC):
    """A kind that passes the gate by a consent, review and checklist of its own; one lacking a part cannot be made."""

    gated = True
    has_page = True
    guards: tuple[Guard, ...] = ()

    @staticmethod
    @abstractmethod
    def materials(
        records: Sequence[Any],
        consents: Mapping[int, ConsentRecord],
        revisions: Mapping[int, Revision],
        now: datetime,
    ) -> Prepared:
        """What publications of these records are made from, in bulk; kinds that share it are read together."""

    @abstractmethod
    def project(self, materials: Any, rung: str) -> dict[str, Any]:
        """The payload for one rung."""

    @abstractmethod
    def stub(self, materials: Any) -> dict[str, Any]:
        """The payload of what is on request only."""

    def links(self, materials: Any, payload: Mapping[str, Any]) -> list[tuple[str, str]]:
        """What the publication can be listed by, as (relation, target); nothing that the payload does not show."""
        return []


class AuthorityType(RecordType):
    """What works name: it has a page as long as one that is public names it. Its model is an ``Authority``."""

    has_page = True
    fields: tuple[str, ...] = ("name", "other_names", "note", "date_from", "date_to")
    #: Of two that are merged, the person who merges chooses whose stay; names and identifiers are always joined.
    chosen: tuple[str, ...] = ("name", "note", "date_from", "date_to")

    def fresh_snapshot(self, record: Any, uris: Iterable[str]) -> dict[str, Any]:
        """The snapshot of a record just made, of which only its identifiers are known elsewhere; asks no questions."""
        return {**RecordType.snapshot(self, record), "external_ids": sorted(uris)}

    def page_facts(self, record: Any) -> dict[str, Any]:
        """What its public page says beside name, other names, note and dates."""
        return {}

    def take_over(self, kept: Any, other: Any) -> dict[str, int]:
        """Let what points to ``other`` in a way of this kind alone point to ``kept``; returns counts for the trail."""
        return {}


class UnknownType(LookupError):
    """A kind that no room has registered: nothing can be decided about a record of it."""


class AlreadyRegistered(ValueError):
    """Two rooms gave an entry for one kind."""


class NotGated(LookupError):
    """A key that belongs to no record with a consent of its own. Whoever asked has to know what to do with it."""


class Registry:
    """Entries by kind, in the order in which the rooms registered them."""

    def __init__(self) -> None:
        self._by_kind: dict[str, RecordType] = {}

    def register(self, entry: RecordType) -> None:
        """Make a kind known. :raises AlreadyRegistered: when it is."""
        if entry.kind in self._by_kind:
            raise AlreadyRegistered(f"The kind {entry.kind!r} is registered already (archive/record_types.py).")
        self._by_kind[entry.kind] = entry

    def __getitem__(self, kind: str) -> RecordType:
        try:
            return self._by_kind[kind]
        except KeyError:
            raise UnknownType(f"No room has registered the kind {kind!r} (archive/record_types.py).") from None

    def __iter__(self) -> Iterator[RecordType]:
        return iter(self._by_kind.values())


registry = Registry()


def record_type(kind: str) -> RecordType:
    """The entry of a kind. :raises UnknownType: when no room has registered it."""
    return registry[kind]


def gated_type(kind: str) -> GatedType:
    """The entry of a kind with a consent of its own. :raises NotGated: for another kind."""
    entry = registry[kind]
    if not isinstance(entry, GatedType):
        raise NotGated(f"The kind {kind!r} has no consent of its own.")
    return entry


def gated_kinds() -> list[str]:
    """Kinds with a consent of their own."""
    return [entry.kind for entry in registry if entry.gated]


def authority_types() -> dict[str, AuthorityType]:
    """Entries of what works name, by kind."""
    return {entry.kind: entry for entry in registry if isinstance(entry, AuthorityType)}


def authority_models() -> dict[str, Any]:
    """Models of what works name, by kind."""
    return {kind: entry.model_class for kind, entry in authority_types().items()}


def shared_kinds() -> list[str]:
    """Kinds that the platform may own for everybody."""
    return [entry.kind for entry in registry if entry.shared]


def load(keys: Sequence[int]) -> list[Any]:
    """Records of any kind by primary key, in the order asked for; keys without a row are left out.

    :raises UnknownType: when one is of a kind that no room has registered.
    """
    kinds: dict[str, list[int]] = {}
    wanted = list(dict.fromkeys(keys))
    for pk, kind in Record.objects.filter(pk__in=wanted).values_list("pk", "kind"):
        kinds.setdefault(kind, []).append(pk)
    found = {record.pk: record for kind, own in kinds.items() for record in record_type(kind).load(own)}
    return [found[key] for key in wanted if key in found]


def load_gated(keys: Sequence[int]) -> list[Any]:
    """Records with a consent of their own by primary key, in the order asked for, with what the gate needs of them.

    :raises NotGated: when a key is of another kind of record, or of none: to leave one out in silence would leave
        open what somebody wants closed.
    """
    found = load(keys)
    here = {record.pk for record in found if record_type(record.kind).gated}
    if unknown := sorted(set(keys) - here):
        raise NotGated(f"No record with a consent of its own has the key {', '.join(map(str, unknown))}.")
    return found


def concrete(record: Record) -> Any:
    """The record as the model of its own kind."""
    entry = record_type(record.kind)
    return record if isinstance(record, entry.model_class) else entry.load([record.pk])[0]


def texts_in(value: Any) -> Iterator[str]:
    """Every text of the language maps in a JSON value; codes, dates and ids are none."""
    if isinstance(value, Mapping):
        if isinstance(value.get("values"), Mapping):
            yield from (entry["text"] for entry in value["values"].values())
        else:
            for inner in value.values():
                yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)
