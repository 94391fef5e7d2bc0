"""What a place or an event is, in the reader's language."""

from __future__ import annotations

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from archive.templatetags.constant_words import once_a_language_for

register = template.Library()

#: Whoever describes a place writes its type as free text; these are what our importers and most archives write.
TYPES: dict[str, str | Promise] = {
    "camp": pgettext_lazy("type of place", "camp"),
    "cemetery": pgettext_lazy("type of place", "cemetery"),
    "church": pgettext_lazy("type of place", "church"),
    "city": pgettext_lazy("type of place", "city"),
    "country": pgettext_lazy("type of place", "country"),
    "ghetto": pgettext_lazy("type of place", "ghetto"),
    "house": pgettext_lazy("type of place", "house"),
    "monastery": pgettext_lazy("type of place", "monastery"),
    "mosque": pgettext_lazy("type of place", "mosque"),
    "mountain pass": pgettext_lazy("type of place", "mountain pass"),
    "region": pgettext_lazy("type of place", "region"),
    "river": pgettext_lazy("type of place", "river"),
    "school": pgettext_lazy("type of place", "school"),
    "synagogue": pgettext_lazy("type of place", "synagogue"),
    "town": pgettext_lazy("type of place", "town"),
    "valley": pgettext_lazy("type of place", "valley"),
    "village": pgettext_lazy("type of place", "village"),
    "genocide": gettext_lazy("genocide"),
    "massacre": gettext_lazy("massacre"),
    "deportation": gettext_lazy("deportation"),
    "law": gettext_lazy("law"),
    "trial": gettext_lazy("trial"),
    "destruction": gettext_lazy("destruction"),
    "commemoration": gettext_lazy("commemoration"),
    "other": gettext_lazy("other"),
}


@register.filter
@once_a_language_for
def type_label(written: str) -> str:
    """``village`` → "Dorf"; a type that is not in the table stands as it was written."""
    return str(TYPES.get(written.casefold(), written))
