"""Every screen of the admin that touches a record goes through the policy; a new one that does not fails here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from archive.desk.views import DeskView
from archive.models import (
    Person,
    Record,
)
from archive.policy import visible
from archive.record_types import registry
from tests.archive.factories import a_community, a_member, a_testimony
from tests.archive.test_desk import at_the_desk

pytestmark = pytest.mark.django_db


def patterns(resolver: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for entry in resolver.url_patterns:
        here = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, here)
        elif isinstance(entry, URLPattern):
            yield here, entry


def view_of(callback: Any) -> Any:
    """The class behind a view, through whatever wraps it; the function itself where there is none."""
    while True:
        found = getattr(callback, "view_class", None)
        if found is not None:
            return found
        inner = getattr(callback, "__wrapped__", None)
        if inner is None:
            return callback
        callback = inner


def admin_views() -> list[tuple[str, Any, dict[str, Any]]]:
    found = []
    for address, entry in patterns(get_resolver()):
        if address.startswith("admin/"):
            view = view_of(entry.callback)
            found.append((address, view, getattr(entry.callback, "view_initkwargs", {})))
    return found


#: Rooms of this project; a view of any of them in the admin is ours.
FIRST_PARTY = frozenset({"accounts", "archive", "config", "curriculum", "heritage3d", "jobs", "search"})
#: Modules of leaf rooms whose views know no record, with what decides there instead of the policy.
OTHERWISE = {
    "accounts.admin_views": "operators alone, and the ways to sign in",
    "jobs.views": "the function that config.wiring hands to the room asks the policy",
}


def uncovered(views: list[tuple[str, Any, dict[str, Any]]]) -> list[str]:
    """Addresses whose view is ours, or works on a record, and does not go through the policy."""
    wrong = []
    for address, view, kwargs in views:
        model = kwargs.get("model") or getattr(view, "model", None)
        module = getattr(view, "__module__", "")
        ours = module.split(".")[0] in FIRST_PARTY and module not in OTHERWISE
        ours = ours or (isinstance(model, type) and issubclass(model, Record))
        if ours and not (isinstance(view, type) and issubclass(view, DeskView)):
            wrong.append(address)
    return wrong


def test_every_screen_of_a_record_goes_through_the_policy():
    views = admin_views()
    desk = [address for address, view, _kwargs in views if isinstance(view, type) and issubclass(view, DeskView)]
    assert len(desk) >= 80 and uncovered(views) == []


def test_the_walk_sees_a_screen_that_does_not():
    from wagtail.admin.views.generic import IndexView

    def of_another_room() -> None: ...

    of_another_room.__module__ = "heritage3d.desk"
    assert uncovered([("admin/leak/", IndexView, {"model": Person})]) == ["admin/leak/"]
    assert uncovered([("admin/sites/", of_another_room, {})]) == ["admin/sites/"]


def test_records_leave_no_trace_in_wagtails_log_and_reference_index(site, monkeypatch):
    from wagtail.models import ModelLogEntry, ReferenceIndex

    for model in (entry.model_class for entry in registry):
        assert not ReferenceIndex.is_indexed(model) or not getattr(model, "wagtail_reference_index_ignore", True)
    community = a_community()
    work = a_testimony(community)
    client = at_the_desk(a_member(community, "editor"), monkeypatch)
    client.post(
        f"/admin/testimonies/edit/{work.pk}/",
        {
            "collection": work.collection.pk,
            "title-0-language": "hy",
            "title-0-text": "Canarytitle",
            "original_language": "hy",
            "minimum_age": "0",
        },
    )
    work.refresh_from_db()
    assert "Canarytitle" in str(work.title)
    assert not ModelLogEntry.objects.exists()


def test_a_model_that_the_policy_does_not_know_is_denied():
    from wagtail.models import Site

    from archive.policy import ANONYMOUS

    with pytest.raises(TypeError):
        visible(Site.objects.all(), ANONYMOUS)
