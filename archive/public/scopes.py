"""What consent lets readers do with a publication: the one place that reads the scopes in its payload.

The gate turns some scopes into rungs. The others restrict surfaces, and so does each of those once more: a work with
*public web* yes and *classroom* no is seen by a teacher as by everybody, and must not enter a lesson. A surface asks
for its scope, never for the audience.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Q

from archive.models.publication import Publication
from archive.models.terms import Answer, Scope
from archive.policy import Decision


def answers(payload: Mapping[str, Any]) -> dict[str, str]:
    """What was answered for each scope that this program knows, in the order in which they are declared."""
    given = (payload.get("consent") or {}).get("scopes") or {}
    return {str(scope): str(given[scope]) for scope in Scope if scope in given}


def allows(publication: Publication, scope: str) -> Decision:
    """Whether this publication may be used so; ``reason`` is ``yes``, ``no``, ``ask``, ``not-answered`` or ``stub``.

    A stub tells that something exists and may be used for nothing.

    :raises ValueError: for a scope that does not exist.
    """
    wanted = Scope(scope)
    if publication.stub:
        return Decision(False, "stub")
    answer = answers(publication.payload).get(wanted, "")
    if answer not in Answer.values:
        return Decision(False, "not-answered")
    return Decision(answer == Answer.YES, answer)


def allowing(scope: str) -> Q:
    """The same question as :func:`allows` as a condition over publications, for many at once.

    :raises ValueError: for a scope that does not exist.
    """
    return Q(**{f"payload__consent__scopes__{Scope(scope)}": str(Answer.YES)}, stub=False)
