"""After a restore nothing comes back that was closed since the backup: every kind × every way of closing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import transaction

from archive.actions.consent import RecordConsentAction
from archive.actions.erase import EraseAction
from archive.actions.publish import HideAction, UnpublishAction
from archive.actions.redact import RedactAction
from archive.actions.withdraw import WithdrawAction
from archive.models import (
    Clip,
    Collection,
    Concept,
    ConceptScheme,
    EntityLink,
    Event,
    Organisation,
    Person,
    Place,
    Publication,
    Record,
    RecordState,
    Redaction,
    Source,
)
from archive.naming import make_anew
from archive.own_types.works import WorkType
from archive.record_types import concrete, record_type, registry
from archive.revisions import save_revision
from archive.seals import seals_of
from archive.values.language_map import language_map
from archive.vault import ledger
from archive.vault.narrowings import of_state, state_of_record
from tests.archive.factories import a_community, a_testimony, published
from tests.archive.vault.replayed import restored, since_the_backup
from tests.leak_matrix.planting import a_document

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
NAME, NOTE, WORDS = "Zqwname", "Zqwnote", "Zqwwords"


def named(kind: str, community: Any) -> Any:
    """Something that a work names."""
    facts = {"name": language_map(NAME, "en"), "note": language_map(NOTE, "en")}
    if kind == "concept":
        scheme, _made = ConceptScheme.objects.get_or_create(slug="terms", defaults={"title": language_map("T", "en")})
        return Concept.objects.create(scheme=scheme, scope_note=language_map(NOTE, "en"), **facts)
    models = {"person": Person, "place": Place, "organisation": Organisation, "event": Event}
    owned = {"community": community, "name_policy": "full"} if kind == "person" else {}
    return models[kind].objects.create(**facts, **owned)


def in_public(kind: str) -> Any:
    """A record of this kind that readers see, or that works which they see name."""
    community = a_community()
    if kind in ("testimony", "document"):
        facts = {"title": language_map(NAME, "en"), "abstract": language_map(NOTE, "en"), "english": f"It was {WORDS}."}
        if kind == "document":
            return published(a_document(community, original="Գետը", **facts))
        return published(a_testimony(community, **facts))
    if kind == "source":
        return Source.objects.create(csl={"title": NAME})
    collection = Collection.objects.create(
        community=community, slug=kind, title=language_map(NAME if kind == "collection" else "Voices", "en")
    )
    work = a_testimony(community, collection=collection)
    anchor = work.tracks.first().cues[0]["id"]
    record: Any = collection
    if kind == "clip":
        record = Clip.objects.create(
            community=community,
            work=work,
            title=language_map(NAME, "en"),
            context=language_map(NOTE, "en"),
            first_anchor=anchor,
            audience="public",
        )
    elif kind != "collection":
        record = named(kind, community)
        EntityLink.objects.create(record=work, target=record, anchors=[anchor])
        save_revision(work, origin="edit")
        work.refresh_from_db()
    published(work)
    return record


def said() -> str:
    """Everything that anybody can read without an account."""
    return " ".join(str(row.payload) for row in Publication.objects.filter(serves_public=True))


def withdraw(record: Any) -> None:
    WithdrawAction(None, record, reason="danger").execute()


def erase(record: Any) -> None:
    withdraw(record)
    EraseAction(None, record, reason="danger").execute()


def unpublish(record: Any) -> None:
    UnpublishAction(None, [record]).execute()


def narrow(record: Any) -> None:
    RecordConsentAction(None, record, {"basis": "informed-consent", "scopes": {"preserve": "yes"}}).execute()


def redact(record: Any) -> None:
    anchor = record.tracks.get(key="t2").cues[0]["id"]
    RedactAction(None, record, [Redaction(anchor=anchor, words=WORDS, mode="remove", reason="danger")]).execute()


def restrict(record: Any) -> None:
    """As a form does that a steward saves."""
    with transaction.atomic():
        before = state_of_record(record)
        record.sealed = [seal.code for seal in seals_of(record.kind)]
        record.save()
        ledger.tell(*of_state("restrict", record, before, state_of_record(record)))
        make_anew(record)


def withhold(record: Any) -> None:
    """The name is shown no more, or the place no closer than its country."""
    with transaction.atomic():
        before = state_of_record(record)
        record.name_policy = "withheld"
        record.save()
        ledger.tell(*of_state("restrict", record, before, state_of_record(record)))
        make_anew(record)


#: What must be gone from everything that is public after the restore.
OPERATIONS: dict[str, tuple[Callable[[Any], None], str]] = {
    "withdraw": (withdraw, NAME),
    "erase": (erase, NAME),
    "hide": (lambda record: HideAction(None, record).execute(), NAME),
    "unpublish": (unpublish, NAME),
    "narrow": (narrow, NAME),
    "redact": (redact, WORDS),
    "restrict": (restrict, NOTE),
    "withhold": (withhold, NAME),
}


def operations_of(kind: str) -> Iterator[str]:
    """What can be done to a kind, by what its type declares."""
    entry = record_type(kind)
    yield from ("withdraw", "erase")
    if entry.gated:
        yield from ("hide", "unpublish", "narrow")
    if isinstance(entry, WorkType):
        yield "redact"
    if any("note" in seal.hides or "abstract" in seal.hides for seal in entry.seals):
        yield "restrict"
    if "name_policy" in entry.fields:
        yield "withhold"


CELLS = [(entry.kind, name) for entry in registry for name in operations_of(entry.kind)]


def test_every_kind_and_every_way_of_closing_it_is_tried():
    assert len(CELLS) >= 30 and {kind for kind, _name in CELLS} == {entry.kind for entry in registry}


def test_nothing_comes_back(site, tmp_path, settings, capsys):
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    table: dict[tuple[str, str], str] = {}
    for kind, name in CELLS:
        act, canary = OPERATIONS[name]
        with transaction.atomic():
            table[kind, name] = came_back(kind, act, canary)
            transaction.set_rollback(True)
    with capsys.disabled():
        print("\nafter a restore, of each kind × each way of closing it:")  # noqa: T201
        for (kind, name), what in table.items():
            print(f"  {kind:<13}{name:<10}{what}")  # noqa: T201
    assert {cell: what for cell, what in table.items() if what != "stays closed"} == {}


def test_without_the_replay_it_would(site, tmp_path, settings):
    settings.CAIRN_DATA, settings.VAULT_RESERVE_BYTES = tmp_path, 0
    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    assert came_back("place", withdraw, NAME, replay=lambda: None) == "CAME BACK"


def came_back(kind: str, act: Callable[[Any], None], canary: str, replay: Callable[[], Any] = restored) -> str:
    record = in_public(kind)
    if kind != "source":
        assert canary in said(), "there must be something to come back"
    with since_the_backup():
        act(concrete(Record.objects.get(pk=record.pk)))
    replay()
    record = concrete(Record.objects.get(pk=record.pk))
    if canary in said():
        return "CAME BACK"
    if act in (withdraw, erase):
        expected = RecordState.ERASED if act is erase else RecordState.WITHDRAWN
        return "stays closed" if record.state == expected else f"IS {record.state}"
    return "stays closed"
