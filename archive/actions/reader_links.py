"""Make and end links for readers without an account: for a class, and for one reviewer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from archive import audit, publications, review_links
from archive.actions.base import Action, ActionRefused, reason_in_words
from archive.class_links import for_a_class
from archive.models import PinnedWork, ReaderLink, Record
from archive.policy import may, may_open_to_others
from archive.public.kinds import public_kind
from archive.values.tokens import hash_of, new_token
from archive.vault import ledger

if TYPE_CHECKING:
    from accounts.models import User

#: A link is forgotten safely after a term of school; whoever needs it longer makes another.
LONGEST = timedelta(days=60)
MOST_WORKS = 50


@dataclass(frozen=True)
class MadeLink:
    """A link and its address, which nobody can be told again."""

    link: ReaderLink
    url: str


class _MakeLink(Action):
    """What both kinds share: an end within reason, a token that is stored as a hash, a line in the trail."""

    kind = ""
    address = ""

    def __init__(self, user: User | None, ends_at: datetime) -> None:
        super().__init__(user)
        self.ends_at = ends_at

    def check(self) -> None:
        if self.user is None or self.viewer is None or not self.viewer.authenticated:
            raise ActionRefused("not-signed-in", reason_in_words("not-signed-in"))
        if not self.now < self.ends_at <= self.now + LONGEST:
            raise ActionRefused(
                "unknown-term",
                _("A link has an end, at most %(days)s days from now.") % {"days": LONGEST.days},
            )

    @abstractmethod
    def pins(self) -> list[PinnedWork]:
        """The works it opens."""

    def facts(self) -> dict[str, Any]:
        """Further fields of the link."""
        return {}

    def execute(self) -> MadeLink:
        """Make it; the address is in the answer and nowhere else."""
        self.check()
        assert self.user is not None  # noqa: S101 - tells mypy what the check ensures
        token = new_token()
        with transaction.atomic():
            link = ReaderLink.objects.create(
                kind=self.kind,
                token_hash=hash_of(token),
                maker=self.user,
                created_at=self.now,
                ends_at=self.ends_at,
                **self.facts(),
            )
            pins = self.pins()
            for pin in pins:
                pin.link = link
            PinnedWork.objects.bulk_create(pins)
            # By the work, so that a community reads in its own trail who handed it on.
            until = self.ends_at.isoformat(timespec="seconds")
            audit.note_all(f"{self.kind}-link", [pin.record for pin in pins], self.user, link=link.pk, until=until)
        return MadeLink(link, f"{settings.PUBLIC_URL}{reverse(self.address, args=[token])}")


class MakeClassLinkAction(_MakeLink):
    """Open works to a class until an end: works that its maker reads herself, with the classroom's *yes*.

    :param public_ids: in the order in which the class finds them.
    """

    kind = ReaderLink.Kind.CLASS
    address = "class-link"

    def __init__(self, user: User | None, public_ids: Sequence[str], *, ends_at: datetime) -> None:
        super().__init__(user, ends_at)
        self.public_ids = list(dict.fromkeys(public_ids))

    def check(self) -> None:
        super().check()
        assert self.viewer is not None  # noqa: S101 - tells mypy what the check ensures
        decision = may_open_to_others(self.viewer)
        if not decision:
            raise ActionRefused(decision.reason, reason_in_words(decision.reason))
        if not 0 < len(self.public_ids) <= MOST_WORKS:
            raise ActionRefused(
                "unknown-number", _("Choose at least one work, and at most %(most)s.") % {"most": MOST_WORKS}
            )
        open_to_class = for_a_class(self.viewer, self.public_ids, self.now)
        for public_id in self.public_ids:
            seen = publications.find(public_id, self.viewer, self.now)
            if isinstance(seen, publications.Gone) or seen is None or seen.stub or not public_kind(seen.kind).work:
                raise ActionRefused("not-readable", _("You cannot read %(work)s yourself.") % {"work": public_id})
            if public_id not in open_to_class:
                raise ActionRefused(
                    "not-for-classrooms",
                    _("Consent does not let %(work)s be used in a classroom.") % {"work": public_id},
                )

    def pins(self) -> list[PinnedWork]:
        records = Record.objects.select_related("community").in_bulk(self.public_ids, field_name="public_id")
        return [PinnedWork(record=records[key], position=number) for number, key in enumerate(self.public_ids)]


class MakeReviewLinkAction(_MakeLink):
    """Let somebody outside read one revision of a work as one audience would, until an end.

    :param revision: its number. :param audience: one below *on request*; what the gate would not open to it, it
        refuses.
    """

    right = review_links.RIGHT
    kind = ReaderLink.Kind.REVIEWER
    address = "review-link"

    def __init__(self, user: User | None, work: Any, revision: int, audience: str, *, ends_at: datetime) -> None:
        super().__init__(user, ends_at)
        self.work, self.revision, self.audience = work, revision, audience

    def check(self) -> None:
        super().check()
        self.authorise(self.work)
        if review_links.for_a_reviewer(self.work, self.revision, self.audience) is None:
            raise ActionRefused("nothing-to-show", _("The gate would open nothing of this revision to that audience."))

    def facts(self) -> dict[str, Any]:
        return {"community": self.work.community, "audience": self.audience}

    def pins(self) -> list[PinnedWork]:
        # As a record: a pin knows of no kind.
        record = Record.objects.select_related("community").get(pk=self.work.pk)
        return [PinnedWork(record=record, revision=self.revision)]


class EndReaderLinkAction(Action):
    """End a link at once: its maker, whoever may hide what a reviewer reads, an operator where a class reads."""

    right = "hide"

    def __init__(self, user: User | None, link: ReaderLink) -> None:
        super().__init__(user)
        self.link = link

    def check(self) -> None:
        if self.user is None or self.link.maker_id == self.user.pk:
            return
        assert self.viewer is not None  # noqa: S101 - there is a user
        if self.link.community_id is None and self.viewer.operator:
            return
        decision = may(self.viewer, self.right, self.link)
        if not decision:
            raise ActionRefused(decision.reason, reason_in_words(decision.reason))

    def execute(self) -> None:
        """End it; one that has ended already stays as it is. The ledger knows, so that no restore brings it back."""
        self.check()
        with transaction.atomic():
            if not ReaderLink.objects.filter(pk=self.link.pk, ended_at=None).update(ended_at=self.now):
                return
            self.link.ended_at = self.now
            community = self.link.community.slug if self.link.community else ""
            audit.note_about(f"{self.link.kind}-link-ended", f"link:{self.link.pk}", self.user, community=community)
            ledger.tell({"action": "end-link", "link": self.link.token_hash})
