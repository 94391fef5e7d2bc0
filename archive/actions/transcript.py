"""Save what a person changed in the texts of a work: one revision, nothing hidden revealed, nothing cited lost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused, reason_in_words
from archive.actions.keep_hidden import KeepHidden
from archive.models import Clip, Record, Redaction, TextTrack
from archive.policy import may
from archive.revisions import TRACK_FIELDS, save_revision, track_as_dict
from archive.values.text import Track
from archive.values.text_changes import carry_marks, moved_anchors

if TYPE_CHECKING:
    from accounts.models import User


class EditedMeanwhile(ActionRefused):
    """Somebody saved a later revision than the one these changes were made from."""


class SaveTranscriptAction(Action):
    """Write changed tracks as the next revision.

    Anchors stay; marks stay where their words did; redactions follow their words; index segments, links and clips
    that pointed to a merged passage point to where it went. A machine's text that a person changed is called corrected.

    :param tracks: the tracks to write, whole; a key the work has not is a new track.
    :param base_revision: the revision they were made from.
    """

    right = "edit"

    def __init__(self, user: User | None, work: Any, tracks: Sequence[Track], *, base_revision: int) -> None:
        super().__init__(user)
        self.work, self.tracks, self.base_revision = work, list(tracks), base_revision
        #: Redactions added so that what was hidden stays hidden.
        self.hidden_again: list[Redaction] = []
        self._moved: dict[str, str] = {}

    def check(self) -> None:
        if self.viewer is None:
            return
        if may(self.viewer, "edit", self.work):
            return
        decision = may(self.viewer, "translate", self.work)
        if not decision:
            raise ActionRefused(decision.reason, reason_in_words(decision.reason))
        originals = set(self.work.tracks.filter(is_original=True).values_list("key", flat=True))
        if any(track["id"] in originals or track.get("is_original") for track in self.tracks):
            raise ActionRefused("original", _("A translator changes translations; the original is for editors."))

    def execute(self) -> int:
        """Returns the number of the revision; it is the same as before when nothing differs."""
        self.check()
        with transaction.atomic():
            locked = Record.objects.select_for_update().get(pk=self.work.pk)
            if locked.current_revision != self.base_revision:
                raise EditedMeanwhile("edited-meanwhile", _("Somebody else saved this text while you were editing."))
            self.work.current_revision = locked.current_revision
            hidden = KeepHidden(self.work)
            stored = {track.key: track for track in self.work.tracks.all()}
            for position, track in enumerate(self.tracks):
                if track["id"] in stored:
                    self._change(stored[track["id"]], track)
                else:
                    self._add(track, len(stored) + position)
            self._repoint()
            tags = [self.work.original_language, *self.work.tracks.values_list("language", flat=True)]
            self.work.languages = list(dict.fromkeys(tag for tag in tags if tag != "und"))
            type(self.work).objects.filter(pk=self.work.pk).update(languages=self.work.languages)
            revision = save_revision(self.work, origin="edit", author=self.user)
            if revision is not None:
                audit.note("edit-transcript", self.work, self.user, revision=revision.number)
            self.hidden_again = hidden.carry_on()
        return int(self.work.current_revision)

    def _change(self, stored: TextTrack, track: Track) -> None:
        before = track_as_dict(stored)["cues"]
        after = carry_marks(before, [cue for cue in track["cues"] if cue["text"]])
        if after == before:
            return
        self._moved |= moved_anchors(before, after)
        stored.cues = after
        if stored.origin == TextTrack.Origin.MACHINE and self.user is not None:
            stored.origin, stored.reviewed_by = TextTrack.Origin.CORRECTED, self.user
        stored.save(update_fields=["cues", "origin", "reviewed_by"])

    def _add(self, track: Track, position: int) -> None:
        cues = [cue for cue in track["cues"] if cue["text"]]
        fields = {name: track[name] for name in TRACK_FIELDS if name in track}  # type: ignore[literal-required]
        TextTrack.objects.create(record_id=self.work.pk, key=track["id"], position=position, cues=cues, **fields)

    def _repoint(self) -> None:
        if not self._moved:
            return
        for segment in self.work.segments.filter(anchor__in=self._moved):
            segment.anchor = self._moved[segment.anchor]
            segment.save(update_fields=["anchor"])
        for link in self.work.entity_links.all():
            anchors = list(dict.fromkeys(self._moved.get(anchor, anchor) for anchor in link.anchors))
            if anchors != link.anchors:
                link.anchors = [anchor for anchor in anchors if anchor]
                link.save(update_fields=["anchors"])
        for clip in Clip.objects.filter(work_id=self.work.pk):
            first, last = (self._moved.get(a, a) for a in (clip.first_anchor, clip.last_anchor))
            if (first, last) != (clip.first_anchor, clip.last_anchor):
                clip.first_anchor, clip.last_anchor = first, last
                clip.save()
