"""What actions share: who acts, whether she may, and the error that says why not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.translation import gettext as _

from archive.policy import Viewer, may, viewer_of

if TYPE_CHECKING:
    from accounts.models import User


class ActionRefused(Exception):
    """An action that may not be done; ``sentences`` say why to a person, ``code`` to a program."""

    def __init__(self, code: str, *sentences: Any) -> None:
        self.code = code
        self.sentences = [str(sentence) for sentence in sentences]
        super().__init__(" ".join(self.sentences) or code)


def reason_in_words(code: str) -> str:
    """A policy's reason as a sentence."""
    return {
        "not-signed-in": _("Sign in first."),
        "not-a-member": _("This belongs to a community of which you are no member."),
        "role-lacks-this-right": _("Your role in this community does not include this."),
        "belongs-to-the-platform": _("This belongs to the platform; ask its operator."),
        "no-educator": _("Only an educator or a member of a community can open works to a class."),
        "sealed": _("This field is sealed; only a consent steward can read it."),
    }.get(code, _("You may not do this."))


class Action(ABC):
    """A verb on records: the constructor takes facts, ``check`` authorises, ``execute`` acts and leaves a trail.

    :param user: who acts; None is the system itself (a job that opens an embargo, a restore).
    """

    #: The right in ``archive/policy.py`` that the verb needs.
    right = ""

    def __init__(self, user: User | None) -> None:
        self.user = user
        self.now = timezone.now()
        self.viewer: Viewer | None = viewer_of(user, self.now) if user is not None else None

    @abstractmethod
    def check(self) -> None:
        """:raises ActionRefused: when it may not or cannot be done."""

    @abstractmethod
    def execute(self) -> Any:
        """Check, act in one transaction, leave a trail."""

    def authorise(self, obj: object) -> None:
        """:raises ActionRefused: when the user may not do this to ``obj``."""
        if self.viewer is None:
            return
        decision = may(self.viewer, self.right, obj)
        if not decision:
            raise ActionRefused(decision.reason, reason_in_words(decision.reason))
