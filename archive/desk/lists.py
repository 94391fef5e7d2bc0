"""Lists of records: found in any script, narrowed by filters that know only what the viewer may see."""

from __future__ import annotations

import json
import re
from typing import Any

import django_filters
from django.db.models import Case, F, Field, Q, QuerySet, Value, When
from django.utils.text import capfirst
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.ui.tables import Column, TitleColumn

from archive.desk.sealing import shown_title
from archive.models import Publication, Record, RecordState
from archive.models.record import sort_key
from archive.policy import ANONYMOUS, ROLE_ACTIONS, Viewer, viewer_of, visible
from archive.record_types import record_type
from archive.values.languages import display_name

#: JSON fields in which a search looks, where a kind has them, and what stands before their words. Without
#: that, “val” would find every record, since the JSON itself says “values”.
NAMING_FIELDS = {
    "title": r'"text": ?"[^"]*',
    "name": r'"text": ?"[^"]*',
    "other_names": r'"text": ?"[^"]*',
    "labels": r'[\[,] ?"[^"]*',
    "csl": r'"title": ?"[^"]*',
}


def listable(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """Without duplicates that were merged away, and without the shells of what was erased; a work's shell stays."""
    queryset = queryset.filter(merged_into=None)
    if record_type(queryset.model.KIND).gated:
        return queryset
    return queryset.exclude(state=RecordState.ERASED)


def found_by(queryset: QuerySet[Any], text: str, viewer: Viewer) -> QuerySet[Any]:
    """Records that ``text`` names in any language and script; sealed names are found by stewards only."""
    text = text.strip()[:200]
    fields = {f.name for f in queryset.model._meta.get_fields() if isinstance(f, Field)}
    named = Q(sort_key__contains=sort_key(text))
    # SQLite keeps JSON as it was written, with escapes for what is not ASCII; PostgreSQL keeps the letters.
    for spelling in {text, text.lower(), text.title(), text.upper()}:
        for form in {spelling, json.dumps(spelling)[1:-1]}:
            for name, before in NAMING_FIELDS.items():
                if name in fields:
                    named |= Q(**{f"{name}__iregex": before + re.escape(form)})
    return queryset.filter((named & ~_name_is_sealed(viewer)) | Q(public_id=text.lower()))


def _name_is_sealed(viewer: Viewer) -> Q:
    """Records whose name this viewer may not read."""
    steward = [slug for slug, roles in viewer.roles.items() if any("read_sealed" in ROLE_ACTIONS[r] for r in roles)]
    return Q(sealed__icontains="real_name") & ~Q(community__slug__in=steward)


def as_listed(queryset: QuerySet[Any], viewer: Viewer) -> QuerySet[Any]:
    """The records with the key a list sorts by: sealed names come last, or their place would tell how they begin."""
    sealed = When(_name_is_sealed(viewer), then=Value("\U0010ffff"))
    return queryset.annotate(listed_as=Case(sealed, default=F("sort_key")))


class RecordFilterSet(WagtailFilterSet):
    """Offers as choices only records and communities the viewer may see; merged duplicates are left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        viewer = viewer_of(self.request.user) if self.request is not None else ANONYMOUS
        for one in self.filters.values():
            if isinstance(one, (django_filters.ModelChoiceFilter, django_filters.ModelMultipleChoiceFilter)):
                choices = one.extra.get("queryset")
                if choices is not None and (issubclass(choices.model, Record) or choices.model.__name__ == "Community"):
                    one.queryset = one.extra["queryset"] = visible(choices.all(), viewer)


class RecordTitleColumn(TitleColumn):
    """A record's name, as far as the viewer may see it."""

    def get_value(self, instance: Any) -> Any:
        return getattr(instance, "shown", None) or str(instance)


class TickColumn(Column):
    """A box by which a work is chosen for the buttons below the list."""

    header_template_name = "archive/desk/record/select_header.html"
    cell_template_name = "archive/desk/record/select_cell.html"

    def __init__(self) -> None:
        super().__init__("tick", label="")

    def get_value(self, instance: Any) -> Any:
        return instance.pk


class LanguageColumn(Column):
    """A language by its name; a tag alone says little to most people."""

    def __init__(self, name: str) -> None:
        super().__init__(name, label=capfirst(_("language of the original")), sort_key=name)

    def get_value(self, instance: Any) -> Any:
        tag = getattr(instance, self.name)
        return display_name(tag, get_language() or "en") if tag else ""


class PublicColumn(Column):
    """Whether a record is public now, and to whom."""

    def __init__(self) -> None:
        super().__init__("public", label=_("Public"))

    def get_value(self, instance: Any) -> Any:
        return getattr(instance, "public_now", "")


def prepare_rows(rows: Any, viewer: Viewer) -> None:
    """Give the rows of one page what their columns show, in one query."""
    rows = list(rows)
    audiences: dict[str, list[Publication]] = {}
    for row in Publication.objects.filter(public_id__in=[r.public_id for r in rows]).defer("payload"):
        audiences.setdefault(row.public_id, []).append(row)
    for row in rows:
        row.shown = shown_title(row, viewer)
        published = audiences.get(row.public_id, [])
        lowest = next((stand for one in published for stand in one.stands), "")
        if row.hidden:
            row.public_now = _("hidden")
        elif not published:
            row.public_now = "–"
        else:
            row.public_now = next(one.get_audience_display() for one in published if one.stands[:1] == [lowest])
