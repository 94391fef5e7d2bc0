"""What can be sealed of a record, and what each seal takes out of its publications: one table for gate and desk.

The desk reads from it which fields of a form are kept from whom, the projection which keys of a payload stay empty.
A seal that stands in one of the two only would be a promise without effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy

from archive.models.record import RecordKind


@dataclass(frozen=True)
class Seal:
    """One thing that can be sealed of a kind of record."""

    #: As it stands in ``Record.sealed``.
    code: str
    label: Any
    #: Form fields of the desk that hold it.
    fields: tuple[str, ...]
    #: Keys of the payload that hold it; a dot leads into the key before it.
    hides: tuple[str, ...]


_NOTE = Seal("note", gettext_lazy("the note"), ("note",), ("note",))
_OF_WORKS = (
    Seal("real_name", gettext_lazy("the real name of who speaks or writes"), ("contributions",), ("contributors",)),
    # Place and date as the source writes them stand among the facts of the source.
    Seal("exact_place", gettext_lazy("the place"), ("place",), ("place", "source_facts.place_as_written")),
    Seal("date", gettext_lazy("the date"), ("date",), ("date", "source_facts.date_as_written")),
    Seal("abstract", gettext_lazy("the abstract"), ("abstract",), ("abstract",)),
)
SEALS: Mapping[str, tuple[Seal, ...]] = {
    RecordKind.TESTIMONY: _OF_WORKS,
    RecordKind.DOCUMENT: _OF_WORKS,
    RecordKind.PERSON: (
        Seal(
            "real_name",
            gettext_lazy("the real name"),
            ("name", "other_names", "external_ids"),
            ("name", "other_names", "external_ids"),
        ),
        _NOTE,
        Seal("dates", gettext_lazy("the dates"), ("date_from", "date_to"), ("date_from", "date_to")),
    ),
    RecordKind.PLACE: (
        # GeoNames and its like give the very point that is sealed.
        Seal(
            "exact_place",
            gettext_lazy("the exact place"),
            ("latitude", "longitude", "external_ids"),
            ("point", "external_ids"),
        ),
        _NOTE,
    ),
    RecordKind.ORGANISATION: (_NOTE,),
    RecordKind.EVENT: (_NOTE,),
}

#: Keys that are not emptied here: who is named, and how, is decided by ``archive/projection/naming_people.py``.
NAMES = frozenset({"name", "contributors"})


def _no_text() -> dict[str, Any]:
    return {"original": "", "values": {}}


#: What stands in a payload where a key is sealed.
_EMPTY: Mapping[str, Callable[[], Any]] = {
    "abstract": _no_text,
    "note": _no_text,
    "date": lambda: {"edtf": ""},
    "date_from": str,
    "date_to": str,
    "other_names": list,
    "external_ids": list,
    "place": lambda: None,
    "point": lambda: None,
    "source_facts.date_as_written": str,
    "source_facts.place_as_written": str,
}


def seals_of(kind: str) -> tuple[Seal, ...]:
    """What can be sealed of a kind."""
    return SEALS.get(kind, ())


def hidden_keys(kind: str, sealed: Iterable[str]) -> frozenset[str]:
    """Keys of a payload that the seals of a record hide; a seal that nobody knows hides all that can be sealed."""
    table = {seal.code: seal.hides for seal in seals_of(kind)}
    everything = tuple(key for hides in table.values() for key in hides)
    return frozenset(key for code in sealed for key in table.get(code, everything))


def without_sealed(payload: dict[str, Any], hidden: Iterable[str]) -> dict[str, Any]:
    """The payload with every hidden key empty; names apart (``NAMES``)."""
    shown = dict(payload)
    for key in hidden:
        if key in NAMES:
            continue
        outer, _dot, inner = key.partition(".")
        if not inner and key in shown:
            shown[key] = _EMPTY[key]()
        elif inner and inner in (shown.get(outer) or {}):
            shown[outer] = {**shown[outer], inner: _EMPTY[key]()}
    return shown
