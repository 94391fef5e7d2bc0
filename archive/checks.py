"""System checks: a kind of record that is not registered, or not whole, stops the program before it serves.

Each takes what it looks at as arguments, so that a test can hand in a kind that is not whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.exceptions import FieldDoesNotExist

from archive.models import Community, Record
from archive.owners import end_of
from archive.public import kinds
from archive.record_types import GatedType, RecordType, registry


def check_kinds(app_configs: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Every kind of record of this installation is registered, whole."""
    models = [model for model in apps.get_models() if issubclass(model, Record) and model is not Record]
    return [*unregistered(models, registry), *not_whole(registry, kinds.known)]


def unregistered(models: Iterable[Any], types: Iterable[RecordType]) -> Iterator[CheckMessage]:
    """A concrete record that no room has registered would be neither closed nor erased by anybody."""
    known = {entry.model.lower() for entry in types}
    for model in models:
        if model._meta.label_lower not in known:
            yield Error(
                f"{model._meta.label} is a kind of record that is not registered.",
                hint="Register a RecordType for it in the AppConfig.ready of its room (archive/record_types.py).",
                obj=model,
                id="archive.E101",
            )


def not_whole(types: Iterable[RecordType], public: Callable[[str], Any]) -> Iterator[CheckMessage]:
    """What a registration lacks."""
    for entry in types:
        yield from (Error(said, hint=hint, obj=entry, id=code) for code, said, hint in _lacks(entry, public))


def _lacks(entry: RecordType, public: Callable[[str], Any]) -> Iterator[tuple[str, str, str]]:
    try:
        model = entry.model_class
    except (LookupError, ValueError):
        yield "archive.E102", f"The kind {entry.kind!r} names a model that is not there: {entry.model!r}.", ""
        return
    if entry.kind != model.KIND:
        yield "archive.E102", f"{entry.model} calls itself {model.KIND!r} and is registered as {entry.kind!r}.", ""
    for name in (*entry.fields, *entry.names, *entry.related, *([entry.part_of] if entry.part_of else [])):
        try:
            model._meta.get_field(name)
        except FieldDoesNotExist:
            yield "archive.E103", f"The kind {entry.kind!r} names a field that {entry.model} has not: {name!r}.", ""
    if end_of(model, entry.owner) not in (Community, apps.get_model(settings.AUTH_USER_MODEL)):
        yield (
            "archive.E104",
            f"The owner path {entry.owner!r} of the kind {entry.kind!r} leads neither to a community nor to a user.",
            "Nobody could read it, or everybody: say whose it is.",
        )
    for seal in entry.seals:
        if not seal.fields or not seal.hides:
            yield (
                "archive.E105",
                f"The seal {seal.code!r} of the kind {entry.kind!r} hides nothing.",
                "Name the fields of the form and the keys of the payload that hold it.",
            )
    if entry.gated != isinstance(entry, GatedType):
        yield (
            "archive.E106",
            f"The kind {entry.kind!r} says otherwise than its class whether it passes the gate.",
            "What has a consent of its own is a GatedType (archive/record_types.py).",
        )
    if entry.has_page and public(entry.kind) is None:
        yield (
            "archive.E107",
            f"Publications of the kind {entry.kind!r} can be neither addressed nor shown.",
            "Register a PublicKind for it (archive/public/kinds.py).",
        )
