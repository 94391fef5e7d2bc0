"""Whose a thing is: a community's, a person's, or the platform's. The policy asks here and nowhere else.

A record says it in its registration (``RecordType.owner``, a path of fields). What is no record says it by a field
called ``record`` or ``community``, else its room registers a path for it. Whose owner nobody has named is nobody's:
the policy denies it until somebody decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist

from archive.models import Community, ImportBatch, Record
from archive.record_types import concrete, record_type, registry


@dataclass(frozen=True)
class Owner:
    """Whose a thing is, and of what kind it is; of nobody in particular: the platform's."""

    kind: str
    #: Short name of a community.
    community: str = ""
    #: Primary key of a person.
    user: int | None = None


_PATHS: dict[type, str] = {}


def register_owner(model: type[Any], path: str) -> None:
    """Say by which path of fields (``lesson__maker``) whoever owns a ``model`` is found.

    :raises ValueError: when the path leads neither to a community nor to a person.
    """
    if end_of(model, path) not in (Community, get_user_model()):
        raise ValueError(f"{path!r} leads from a {model.__name__} neither to a community nor to a user.")
    _PATHS[model] = path


def path_of(model: type[Any]) -> str | None:
    """The path of fields from a model to its owner, or None: nobody knows."""
    if model in _PATHS:
        return _PATHS[model]
    if model is Record:
        return "community"
    if issubclass(model, Record):
        return next((entry.owner for entry in registry if entry.model_class is model), None)
    fields = {field.name for field in model._meta.get_fields()}
    return "record__community" if "record" in fields else "community" if "community" in fields else None


def end_of(model: Any, path: str) -> Any:
    """The model at the end of a path of fields; None where it leads nowhere, or ends on a plain field."""
    for name in path.split("__"):
        try:
            model = model._meta.get_field(name).related_model
        except (FieldDoesNotExist, AttributeError):
            return None
    return model


def owner_of(obj: object) -> Owner | None:
    """Whose an object is; None where nobody knows, which is for nobody."""
    if isinstance(obj, Community):
        return Owner("community", community=obj.slug)
    if isinstance(obj, Record):
        own = record_type(obj.kind).owner
        # Also of a row that was read as a plain record: its kind says whose it is.
        return _at(obj if own == "community" else concrete(obj), own, obj.kind)
    kind = "import" if isinstance(obj, ImportBatch) else type(obj).__name__.lower()
    if path := _PATHS.get(type(obj)):
        return _at(obj, path, kind)
    if isinstance(record := getattr(obj, "record", None), Record):
        # What is attached to a record is its owner's, and of its kind.
        return owner_of(record)
    found = _at(obj, "community", kind)
    # Beside records only an import may be the platform's.
    return found if found.community or isinstance(obj, ImportBatch) else None


def _at(obj: Any, path: str, kind: str) -> Owner:
    for name in path.split("__"):
        obj = getattr(obj, name, None)
    if isinstance(obj, Community):
        return Owner(kind, community=obj.slug)
    if isinstance(obj, get_user_model()):
        return Owner(kind, user=obj.pk)
    return Owner(kind, community=obj if isinstance(obj, str) else "")
