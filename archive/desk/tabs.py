"""The screens of one record, side by side: each kind has those of them for which its viewset has an address."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy

from archive.policy import Viewer, may

#: Name of the screen, its label, and the rights of which one opens it.
TABS: tuple[tuple[str, Any, tuple[str, ...]], ...] = (
    # A consent steward seals there, and clears what is kept off the open web.
    ("edit", gettext_lazy("Description"), ("edit", "read_sealed")),
    ("transcript", gettext_lazy("Transcript"), ("edit", "translate")),
    ("links", gettext_lazy("People and index"), ("edit",)),
    ("gate", gettext_lazy("Gate"), ("read",)),
    ("consent", gettext_lazy("Consent"), ("consent",)),
    ("redactions", gettext_lazy("Redactions"), ("edit", "consent")),
    ("revisions", gettext_lazy("Revisions"), ("read",)),
    ("preview", gettext_lazy("Preview"), ("preview",)),
)


def may_any(viewer: Viewer, rights: tuple[str, ...], obj: object) -> bool:
    """Whether one of these rights is the viewer's for ``obj``."""
    return any(may(viewer, right, obj) for right in rights)


def tabs_of(viewer: Viewer, work: Any, namespace: str, active: str) -> list[dict[str, Any]]:
    """The screens of a work that the viewer may open."""
    tabs = []
    for name, label, rights in TABS:
        if may_any(viewer, rights, work):
            try:
                url = reverse(f"{namespace}:{name}", args=[work.pk])
            except NoReverseMatch:
                continue
            tabs.append({"name": name, "url": url, "label": label, "active": name == active})
    return tabs
