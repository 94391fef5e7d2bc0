"""What each seal takes out of the publications of a record, and what stands there instead.

Which seals a kind has stands with the kind (``archive.record_types``), once for gate and desk: the desk reads from it
which fields of a form are kept from whom, the projection which keys of a payload stay empty. A seal that stood in one
of the two only would be a promise without effect.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from archive.record_types import Seal, record_type

#: Keys that are not emptied here: who is named, and how, is decided by ``archive/projection/naming_people.py``.
NAMES = frozenset({"name", "contributors"})


def _nothing() -> None:
    """What stands for a key of which nothing else is said."""


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
    """What can be sealed of a kind. :raises archive.record_types.UnknownType: when no room has registered it."""
    return record_type(kind).seals


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
            shown[key] = _EMPTY.get(key, _nothing)()
        elif inner and inner in (shown.get(outer) or {}):
            shown[outer] = {**shown[outer], inner: _EMPTY.get(key, _nothing)()}
    return shown
