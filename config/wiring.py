"""The wiring between rooms: what the leaves are handed, who listens to whom."""

from __future__ import annotations

import logging
from typing import Any

from celery.signals import worker_init
from django.db import DatabaseError, connections
from django.db.models import Q, QuerySet

from config import health

logger = logging.getLogger(__name__)


def connect() -> None:
    """Connect the rooms; called once, when every app is ready."""
    _connect_search()
    _connect_jobs()
    _connect_accounts()


def _connect_search() -> None:
    from archive.policy import ANONYMOUS, reach_of
    from search import wiring

    wiring.connect(reach_of=lambda viewer: reach_of(viewer or ANONYMOUS))
    health.connect("search", _search_ready)


def _search_ready() -> None:
    """Whether the index can answer; what is wrong with it is in the system checks, not in a public answer."""
    from search import service

    if not service.health().ok:
        raise health.NotReady("index")


def _connect_jobs() -> None:
    from archive.policy import ROLE_ACTIONS, viewer_of
    from jobs import wiring

    def visible(jobs: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """A community's jobs for its members, the platform's for its operators."""
        viewer = viewer_of(user)
        mine = Q(scope__in=[f"community:{slug}" for slug in viewer.roles])
        return jobs.filter(mine | Q(scope="") if viewer.operator else mine)

    def changeable(jobs: QuerySet[Any], user: Any) -> QuerySet[Any]:
        """Only who looks after a community's records ends or repeats its jobs: those who may hide a record."""
        viewer = viewer_of(user)
        slugs = [slug for slug, roles in viewer.roles.items() if any("hide" in ROLE_ACTIONS[role] for role in roles)]
        return jobs.filter(Q(scope="") | Q(scope__in=[f"community:{slug}" for slug in slugs]))

    wiring.connect(visible=visible, changeable=changeable)
    worker_init.connect(_tidy_after_a_crash, dispatch_uid="tidy-after-a-crash")


def _tidy_after_a_crash(**_details: object) -> None:
    """What a worker was storing when it died was never acknowledged: the next one takes it out again at its start.

    The hourly round would do it too; until then a check of the vault would name what nobody knows.
    """
    from archive.vault.deposit import sweep_vault
    from archive.vault.errors import VaultError

    try:
        sweep_vault()
    except (VaultError, OSError, DatabaseError) as error:
        logger.error("The vault could not be tidied at the start of a worker (%s).", type(error).__name__)
    finally:
        connections.close_all()


def _connect_accounts() -> None:
    from accounts import signals
    from archive import memberships

    signals.invitation_accepted.connect(memberships.join_by_invitation)
    signals.authenticator_reset.connect(memberships.note_reset)
    signals.demo_role_assigned.connect(memberships.give_demo_roles)
    signals.grant_changed.connect(memberships.tell_of_grant)
    signals.account_changed.connect(memberships.tell_of_account)
    signals.invitation_revoked.connect(memberships.tell_of_invitation)
