"""The states of a job and the moves between them. Whatever is not in the table cannot happen."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a job stands. A request to cancel is kept apart: the running worker still has to obey it."""

    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    WAITING_RETRY = "waiting-retry", _("waiting to try again")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")
    # Translators: a job that failed or killed its worker several times; nobody tries it again by itself.
    QUARANTINED = "quarantined", _("set aside")


#: States in which a job may still do something by itself.
ACTIVE = frozenset({State.QUEUED, State.RUNNING, State.WAITING_RETRY})
#: States in which a worker may take the job when its time has come.
CLAIMABLE = frozenset({State.QUEUED, State.WAITING_RETRY})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset(
        # QUEUED: handed back by a worker that is told to stop, or taken from one that died.
        {State.QUEUED, State.WAITING_RETRY, State.DONE, State.FAILED, State.CANCELLED, State.QUARANTINED}
    ),
    State.WAITING_RETRY: frozenset({State.RUNNING, State.QUEUED, State.CANCELLED}),
    State.DONE: frozenset(),
    # The three ends below can be left by a person who presses "try again".
    State.FAILED: frozenset({State.QUEUED}),
    State.CANCELLED: frozenset({State.QUEUED}),
    State.QUARANTINED: frozenset({State.QUEUED}),
}

#: States that a person may send back to the queue.
RETRYABLE = frozenset({state for state, targets in TRANSITIONS.items() if State.QUEUED in targets} - {State.RUNNING})


def may_move(before: str, after: str) -> bool:
    """Say whether a job may go from ``before`` to ``after`` in one step."""
    return State(after) in TRANSITIONS[State(before)]
