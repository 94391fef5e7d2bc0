"""Revisions at the desk: the list, what differs between any two, and going back to one of them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from wagtail.admin import messages

from archive import audit
from archive.actions.keep_hidden import KeepHidden
from archive.desk.screens import WorkScreen
from archive.desk.sealing import fields_kept_from
from archive.models import Record, Revision
from archive.naming import make_anew, public_face
from archive.record_types import record_type
from archive.revisions import new_revision, restore_snapshot, snapshot_of
from archive.standing import read_standing_anew
from archive.values.differences import Difference, cue_differences, difference
from archive.values.languages import display_name
from archive.vault import ledger
from archive.vault.narrowings import of_state, state_of_record

#: Keys of a snapshot whose differences are shown in another way than as text.
_TEXTS = frozenset({"tracks"})


class RevisionsScreen(WorkScreen):
    """All revisions of a work; ``?from=&to=`` compares two."""

    tab = "revisions"
    template_name = "archive/desk/work/revisions.html"

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        self.require("edit", self.work)
        revision = self._revision(request.POST.get("restore", ""))
        if revision is None:
            raise Http404
        with transaction.atomic():
            read_standing_anew([self.work])
            gated = record_type(self.work.kind).gated
            hidden = KeepHidden(self.work) if gated else None
            shown, restricted = public_face(self.work), state_of_record(self.work)
            # What is sealed from whoever goes back stays as it is now: she would change what she cannot see.
            now, kept = snapshot_of(self.work), fields_kept_from(self.viewer, self.work)
            restore_snapshot(self.work, {**revision.snapshot, **{name: now[name] for name in kept & now.keys()}})
            made = new_revision(
                self.work,
                snapshot_of(self.work),
                origin=Revision.Origin.RESTORE,
                author=request.user,  # type: ignore[arg-type]
                reason=f"r{revision.number}",
            )
            made.save()
            Record.objects.filter(pk=self.work.pk).update(current_revision=self.work.current_revision)
            again = hidden.carry_on() if hidden else []
            if not gated:
                # Nobody reviews it: what publications say of it is made anew at once.
                ledger.tell(*of_state("restrict", self.work, restricted, state_of_record(self.work)))
                if public_face(self.work) != shown or record_type(self.work.kind).part_of:
                    make_anew(self.work)
            audit.note("restore", self.work, request.user, revision=revision.number)  # type: ignore[arg-type]
        said = (
            _("Revision %(old)s stands again, as revision %(new)s. The public sees it after a review.")
            if gated
            else _("Revision %(old)s stands again, as revision %(new)s.")
        )
        messages.success(request, said % {"old": revision.number, "new": made.number})
        if again:
            messages.warning(
                request, _("Hidden words moved to other passages and stay hidden. Look at the redactions.")
            )
        return self.back()

    def _revision(self, number: str) -> Revision | None:
        if not (number.isascii() and number.isdigit() and len(number) < 8):
            return None
        return Revision.objects.filter(record_id=self.work.pk, number=int(number)).first()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        rows = list(self.work.revisions.select_related("author").defer("snapshot").order_by("-number"))
        latest = rows[0].number if rows else 0
        older = self._revision(self.request.GET.get("from", str(max(1, latest - 1))))
        newer = self._revision(self.request.GET.get("to", str(latest)))
        context: dict[str, Any] = {"revisions": rows, "older": older, "newer": newer}
        if older is not None and newer is not None:
            kept = fields_kept_from(self.viewer, self.work)
            context |= {
                "facts": [
                    replace(one, label=in_words(self.model, one.label))
                    for one in facts_apart(older.snapshot, newer.snapshot, kept)
                ],
                "tracks": tracks_between(older.snapshot, newer.snapshot),
            }
        return super().get_context_data(**kwargs) | context | {"may_restore": bool(self.may("edit", self.work))}


def in_words(model: Any, name: str) -> str:
    """What a key of a snapshot is called on the form of its kind; the key itself where no field has its name."""
    try:
        return capfirst(str(model._meta.get_field(name).verbose_name))
    except (FieldDoesNotExist, AttributeError):
        return name


def facts_apart(before: dict[str, Any], after: dict[str, Any], kept_back: set[str]) -> list[Difference]:
    """Differences of everything but the texts, field by field and language by language."""
    found: list[Difference | None] = []
    for name in sorted({*before, *after} - _TEXTS - kept_back):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        if _is_map(old) or _is_map(new):
            tags = {**_values(old), **_values(new)}
            found += [
                difference(name, _values(old).get(tag, ""), _values(new).get(tag, ""), tag) for tag in sorted(tags)
            ]
        else:
            found.append(difference(name, _written(old), _written(new)))
    return [one for one in found if one is not None]


def _is_map(value: Any) -> bool:
    return isinstance(value, dict) and set(value) == {"original", "values"}


def _values(value: Any) -> dict[str, str]:
    return {tag: entry["text"] for tag, entry in value["values"].items()} if _is_map(value) else {}


def _written(value: Any) -> str:
    if value is None or value == [] or value == {}:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def tracks_between(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """Differences of the texts of two snapshots, one entry for each text that differs."""
    old = {track["id"]: track for track in before.get("tracks", [])}
    new = {track["id"]: track for track in after.get("tracks", [])}
    found = []
    for key in [*new, *(key for key in old if key not in new)]:
        track = new.get(key) or old[key]
        changes = cue_differences(old.get(key, {}).get("cues", []), new.get(key, {}).get("cues", []), track["language"])
        if changes:
            found.append(
                {
                    "name": display_name(track["language"], "en"),
                    "kind": track["kind"],
                    "language": track["language"],
                    "direction": track.get("direction", "auto"),
                    "changes": changes,
                }
            )
    return found
