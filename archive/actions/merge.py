"""Merge two records of the same person, place, organisation, event or concept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused
from archive.gate import Gate
from archive.models import EntityLink, ExternalId, IndexSegment, Moved, Record
from archive.naming import keys_naming, public_face, rebuild_naming, works_naming
from archive.record_types import authority_types, gated_kinds, load_gated
from archive.revisions import save_revision
from archive.values.language_map import public_map
from archive.vault import ledger
from archive.vault.narrowings import of_state, state_of_record

if TYPE_CHECKING:
    from accounts.models import User


def chosen_of(kind: str) -> tuple[str, ...]:
    """Fields of which the person who merges chooses whose stay."""
    return authority_types()[kind].chosen


class MergeAction(Action):
    """Let ``kept`` take the place of ``other`` everywhere.

    Links, contributions, index entries, identifiers and names move; works that named the other get a revision
    that names the one kept, and what was reviewed stays reviewed, since no word of theirs changed. The other's
    address leads to the one kept. What moved is written to the audit trail, so that it can be undone by hand.

    :param from_other: names of ``chosen_of`` fields whose value is taken from ``other``.
    """

    right = "merge"

    def __init__(self, user: User | None, kept: Any, other: Any, *, from_other: Iterable[str] = ()) -> None:
        super().__init__(user)
        self.kept, self.other, self.from_other = kept, other, frozenset(from_other)

    def check(self) -> None:
        self.authorise(self.kept)
        self.authorise(self.other)
        if self.kept.pk == self.other.pk:
            raise ActionRefused("same", _("A record cannot be merged with itself."))
        if self.kept.kind != self.other.kind or self.kept.kind not in authority_types():
            raise ActionRefused("kinds", _("Only two records of the same kind can be merged."))
        if self.kept.community_id != self.other.community_id:
            raise ActionRefused("owners", _("The two belong to different owners; each keeps its own."))
        if self.kept.merged_into_id or self.other.merged_into_id:
            raise ActionRefused("merged", _("One of the two was merged away already."))
        unknown = self.from_other - set(chosen_of(self.kept.kind))
        if unknown:
            raise ActionRefused("field", _("“%(field)s” cannot be chosen.") % {"field": sorted(unknown)[0]})

    def execute(self) -> dict[str, int]:
        """Returns what moved, as counts."""
        with transaction.atomic():
            keys = sorted((self.kept.pk, self.other.pk))
            list(Record.objects.select_for_update().filter(pk__in=keys).order_by("pk"))
            self.kept.refresh_from_db()
            self.other.refresh_from_db()
            self.check()
            touched = {work.pk: work for work in [*works_naming(self.other), *self._works_linked()]}
            shown, restricted = public_face(self.kept), state_of_record(self.kept)
            uris = list(self.other.external_ids.values_list("uri", flat=True))
            moved = self._move()
            self._join_names()
            self.kept.save()
            self.other.merged_into_id = self.kept.pk
            Record.objects.filter(pk=self.other.pk).update(merged_into=self.kept.pk)
            Moved.objects.filter(target=self.other.public_id).update(target=self.kept.public_id)
            Moved.objects.update_or_create(public_id=self.other.public_id, defaults={"target": self.kept.public_id})
            ledger.tell(*of_state("restrict", self.kept, restricted, state_of_record(self.kept)))
            save_revision(self.kept, origin="merge", author=self.user, reason=self.other.public_id)
            self._revise(touched.values())
            if public_face(self.kept) != shown:
                # A seal or a policy that it gained holds for the works that named it before, too.
                rebuild_naming(self.kept)
            Gate(self.now).close([self.other])
            Gate(self.now).refresh_companions([self.kept.public_id, self.other.public_id])
            trail: dict[str, Any] = dict(moved)
            audit.note(
                "merge",
                self.kept,
                self.user,
                other=self.other.public_id,
                fields=sorted(self.from_other),
                uris=uris,
                works=sorted(work.public_id for work in touched.values()),
                **trail,
            )
        return moved

    def _works_linked(self) -> list[Any]:
        """Works that name the other and are not public: their revisions must name the one kept too."""
        keys = Record.objects.filter(pk__in=keys_naming(self.other), kind__in=gated_kinds())
        return load_gated(list(keys.values_list("pk", flat=True)))

    def _move(self) -> dict[str, int]:
        links = 0
        for link in EntityLink.objects.filter(target_id=self.other.pk):
            same = EntityLink.objects.filter(
                record_id=link.record_id, target_id=self.kept.pk, relation=link.relation
            ).first()
            links += 1
            if same is None:
                EntityLink.objects.filter(pk=link.pk).update(target_id=self.kept.pk)
                continue
            same.anchors = list(dict.fromkeys([*same.anchors, *link.anchors]))
            same.save(update_fields=["anchors"])
            link.delete()
        for segment in IndexSegment.objects.filter(entities=self.other.pk):
            segment.entities.remove(self.other.pk)
            segment.entities.add(self.kept.pk)
        moved = authority_types()[self.kept.kind].take_over(self.kept, self.other)
        identifiers = ExternalId.objects.filter(record_id=self.other.pk).update(record_id=self.kept.pk)
        return {"links": links, "contributions": 0, **moved, "identifiers": identifiers}

    def _join_names(self) -> None:
        """Every name of the two stays findable; the one that lost becomes another name."""
        given_up = self.kept.name if "name" in self.from_other else self.other.name
        names = [*self.kept.other_names, *self.other.other_names]
        for tag, entry in public_map(given_up)["values"].items():
            names.append({"text": entry["text"], "language": tag, "type": "variant"})
        for field in self.from_other:
            setattr(self.kept, field, getattr(self.other, field))
        # What was sealed of either stays sealed.
        self.kept.sealed = sorted({*self.kept.sealed, *self.other.sealed})
        shown = {(tag, entry["text"]) for tag, entry in self.kept.name.get("values", {}).items()}
        seen: set[tuple[str, str]] = set(shown)
        self.kept.other_names = []
        for name in names:
            key = (name.get("language", ""), name["text"])
            if key not in seen:
                seen.add(key)
                self.kept.other_names.append(name)

    def _revise(self, works: Iterable[Any]) -> None:
        wanted = []
        for work in works:
            work.refresh_from_db()
            reviewed = work.reviewed_revision == work.current_revision
            revision = save_revision(work, origin="merge", author=self.user, reason=self.other.public_id)
            if revision is not None and reviewed:
                work.reviewed_revision = revision.number
                Record.objects.filter(pk=work.pk).update(reviewed_revision=revision.number)
            if work.wanted_public:
                wanted.append(work)
        if wanted:
            Gate(self.now).refresh(wanted)
