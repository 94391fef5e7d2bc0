"""Hide words, passages or spans of a work from its readers, decide what else goes with them, show it again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils.translation import gettext as _

from archive import audit
from archive.actions.base import Action, ActionRefused, reason_in_words
from archive.gate import Gate
from archive.models import MediaAsset, Redaction, RedactionDecision, Unfinished
from archive.policy import may
from archive.projection.beside import said_by
from archive.projection.clips import clip_facts
from archive.projection.media import asset_facts, may_be_free
from archive.projection.reach import heard_in, reach_of
from archive.redactions import read_in_public, rule_of
from archive.standing import read_standing_anew
from archive.values.text_changes import Hiding, further_hidings
from archive.vault import ledger
from archive.vault.narrowings import a_line, of_state, state_of_decision

if TYPE_CHECKING:
    from accounts.models import User

#: Reasons are codes: free text about a danger has no place in an audit trail.
_CODE = re.compile(r"^[a-z][a-z-]*$")
#: Editors find what must be hidden while they read, stewards hear of it from those it concerns: either may act.
RIGHTS = ("edit", "consent")


class _OnRedactions(Action):
    """What these acts share: whose right they are."""

    def __init__(self, user: User | None, work: Any) -> None:
        super().__init__(user)
        self.work = work

    def check(self) -> None:
        self.demand(*RIGHTS)

    def demand(self, *rights: str) -> None:
        """:raises ActionRefused: when none of these rights is the user's."""
        if self.viewer is None:
            return
        decisions = [may(self.viewer, right, self.work) for right in rights]
        if not any(decisions):
            raise ActionRefused(decisions[0].reason, reason_in_words(decisions[0].reason))

    def demand_own(self, redaction: Redaction) -> None:
        """:raises ActionRefused: for a redaction of another work."""
        if redaction.record_id != self.work.pk:
            raise ActionRefused("foreign", _("That redaction belongs to another work."))


class RedactAction(_OnRedactions):
    """Write redactions of one work; the gate is asked again in the same transaction.

    :param rows: unsaved redactions; the work is set here, and who authorised them where somebody acts.
    """

    def __init__(self, user: User | None, work: Any, rows: Iterable[Redaction]) -> None:
        super().__init__(user, work)
        self.rows = list(rows)

    def check(self) -> None:
        super().check()
        if not self.rows:
            raise ActionRefused("nothing", _("Say what is to be hidden."))
        for row in self.rows:
            timed = row.start_ms is not None and row.end_ms is not None and row.start_ms < row.end_ms
            if not row.anchor and not timed:
                raise ActionRefused("no-place", _("Choose a passage in the text, or give a span of time."))
            # What the system carries on keeps the reason it had.
            if self.user is not None and not _CODE.match(row.reason):
                raise ActionRefused("reason", _("Give the reason as one of the codes."))

    def execute(self) -> list[Redaction]:
        """Returns the redactions as written, with their keys."""
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            for row in self.rows:
                row.record_id = self.work.pk
                row.authorised_by = self.user or row.authorised_by
            written = Redaction.objects.bulk_create([*self.rows, *self._for_the_reviewed_text()])
            audit.note("redaction", self.work, self.user, count=len(written), reason=written[0].reason)
            Gate(self.now).refresh([self.work])
            ledger.tell(*(_line(self.work, row) for row in written))
        return written

    def _for_the_reviewed_text(self) -> list[Redaction]:
        """The same for the text that readers still see, where what is hidden stands in other passages of it."""
        if self.work.reviewed_revision in (0, self.work.current_revision):
            return []
        reviewed = {track["id"]: track["cues"] for track in read_in_public(self.work).get("tracks", [])}
        asked = {Hiding(row.anchor, row.words): row for row in self.rows if row.anchor}
        also: list[Redaction] = []
        for track in self.work.tracks.filter(key__in=reviewed):
            for old, new in further_hidings(asked, track.cues, reviewed[track.key]):
                if new not in asked:
                    facts = ("mode", "replacement", "hidden_up_to", "reason", "authorised_by", "record_id")
                    same = {name: getattr(asked[old], name) for name in facts}
                    also.append(Redaction(anchor=new.anchor, words=new.words, **same))
        return also


class DecideOnRedactedAction(_OnRedactions):
    """Decide on one thing beside the text under one redaction; the gate is asked again in the same transaction.

    Only a steward declares something free of what is hidden; whoever may redact may hide more, or take a decision
    back.

    :param about: one of ``RedactionDecision.About``, and ``key`` names the thing. :param hidden: True: hidden too;
        False: free of it; None: nothing is decided any more.
    """

    def __init__(
        self, user: User | None, work: Any, redaction: Redaction, *, about: str, key: str, hidden: bool | None
    ) -> None:
        super().__init__(user, work)
        self.redaction, self.about, self.key, self.hidden = redaction, about, key, hidden

    def check(self) -> None:
        self.demand(*(("consent",) if self.hidden is False else RIGHTS))
        self.demand_own(self.redaction)
        if self.hidden is not None and self._said() is None:
            raise ActionRefused("unknown", _("That is not there any more."))
        if self.about == RedactionDecision.About.MEDIA and self.hidden is False and not self._may_be_free():
            raise ActionRefused(
                "said-there", _("It is said in this recording. Only a copy in which it cannot be heard may be public.")
            )

    def execute(self) -> None:
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            same: dict[str, Any] = {"redaction_id": self.redaction.pk, "about": self.about, "key": self.key}
            before = after = RedactionDecision.objects.filter(**same).first()
            if self.hidden is None:
                RedactionDecision.objects.filter(**same).delete()
                after = None
            else:
                if not Redaction.objects.filter(pk=self.redaction.pk).exists():
                    raise ActionRefused("gone", _("Somebody has taken this redaction away already."))
                said = "" if self.hidden else self._said() or ""
                facts = {"hidden": self.hidden, "said_sha256": said, "by": self.user}
                after, _made = RedactionDecision.objects.update_or_create(**same, defaults=facts)
            decided = {True: "hidden", False: "free", None: "open"}[self.hidden]
            audit.note("redaction-decided", self.work, self.user, about=self.about, key=self.key, decided=decided)
            Gate(self.now).refresh([self.work])
            thing = {"redaction": str(self.redaction.uuid), "about": str(self.about), "key": self.key}
            ledger.tell(*of_state("decide", self.work, state_of_decision(before), state_of_decision(after), **thing))

    def _said(self) -> str | None:
        """What the thing says now, as the projection compares it; None: the work has no such thing."""
        if self.about == RedactionDecision.About.SEGMENT:
            segments = read_in_public(self.work).get("segments", [])
            return next((said_by(segment) for segment in segments if segment["id"] == self.key), None)
        if self.about == RedactionDecision.About.CLIP:
            clip = self.work.clips.filter(public_id=self.key).first()
            return said_by(clip_facts(clip)) if clip is not None else None
        if self.about == RedactionDecision.About.ENTITY:
            links = read_in_public(self.work).get("links", [])
            return "" if any(link["target"] == self.key for link in links) else None
        if self.about == RedactionDecision.About.MEDIA:
            return "" if any(str(asset.uuid) == self.key for asset in self._assets()) else None
        return None

    def _assets(self) -> list[MediaAsset]:
        rows = MediaAsset.objects.filter(record_id=self.work.pk, derivatives__isnull=False).distinct()
        return list(rows.order_by("pk").prefetch_related("derivatives"))

    def _may_be_free(self) -> bool:
        assets = [asset_facts(asset) for asset in self._assets()]
        tracks = read_in_public(self.work).get("tracks", [])
        reach = reach_of(rule_of(self.redaction), tracks, heard_in(tracks))
        return all(may_be_free(asset, assets, reach) for asset in assets if asset.id == self.key)


class UnredactAction(_OnRedactions):
    """Take one redaction back: what it hid is shown again where consent allows."""

    def __init__(self, user: User | None, work: Any, redaction: Redaction) -> None:
        super().__init__(user, work)
        self.redaction = redaction

    def check(self) -> None:
        super().check()
        self.demand_own(self.redaction)

    def execute(self) -> None:
        self.check()
        with transaction.atomic():
            read_standing_anew([self.work])
            gone, _by_model = Redaction.objects.filter(pk=self.redaction.pk).delete()
            if not gone:
                raise ActionRefused("gone", _("Somebody has taken this redaction away already."))
            audit.note("redaction-removed", self.work, self.user, mode=self.redaction.mode)
            Gate(self.now).refresh([self.work])
            ledger.tell(a_line("unredact", self.work, redaction=str(self.redaction.uuid)))
            # What a restore hid whole was authorised by nobody; with the last of it the task is done.
            if not self.work.redactions.filter(words="", start=None, authorised_by=None).exists():
                Unfinished.finish(self.work, Unfinished.What.PASSAGE, self.user)


def _line(work: Any, row: Redaction) -> dict[str, Any]:
    """What the withdrawal ledger learns: the passage and the time, never what they say."""
    return a_line(
        "redact",
        work,
        redaction=str(row.uuid),
        anchor=row.anchor,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        mode=str(row.mode),
        hidden_up_to=str(row.hidden_up_to),
        reason=row.reason if _CODE.match(row.reason) else "carried-on",
    )
