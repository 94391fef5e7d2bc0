"""What ``config`` hands to this room: who may see which job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet

from jobs.models import Job

#: Narrows a queryset of jobs to those that the user may see, by their opaque scope.
Visible = Callable[["QuerySet[Job]", Any], "QuerySet[Job]"]


def _operators_see_unscoped(jobs: QuerySet[Job], user: Any) -> QuerySet[Job]:
    """Until a filter is handed in: the platform's own jobs for its operators, nothing for anybody else."""
    if getattr(user, "is_active", False) and getattr(user, "is_superuser", False):
        return jobs.filter(scope="")
    return jobs.none()


_visible: Visible = _operators_see_unscoped
_changeable: Visible | None = None


def connect(*, visible: Visible, changeable: Visible | None = None) -> None:
    """Hand in the scope filters (called once, by ``config``).

    ``changeable`` narrows further to the jobs that the user may cancel and try again; without it,
    whoever sees a job may do both.
    """
    global _visible, _changeable
    _visible, _changeable = visible, changeable


def visible(jobs: QuerySet[Job], user: Any) -> QuerySet[Job]:
    """The jobs of ``jobs`` that ``user`` may see."""
    return _visible(jobs, user)


def changeable(jobs: QuerySet[Job], user: Any) -> QuerySet[Job]:
    """The jobs of ``jobs`` that ``user`` may cancel and try again."""
    seen = _visible(jobs, user)
    return seen if _changeable is None else _changeable(seen, user)
