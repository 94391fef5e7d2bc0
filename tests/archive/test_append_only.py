"""What is written once, in the database: no update, no delete, no REPLACE, whoever asks; an erasure leaves a shell."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import DatabaseError, connection, models, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from archive import audit
from archive.erasure import CONSENT_TEXTS, empty_history
from archive.models import AuditEvent, ConsentEvent, ConsentRecord, CustodyEvent, Protocol, Record, Revision
from archive.models.consent import AppendOnly
from archive.vault import custody_log
from archive.vault.custody_log import Happening
from tests.append_only import lifted
from tests.archive.factories import a_testimony, a_user, consent

pytestmark = pytest.mark.django_db
AdmittedBy = ConsentRecord.protocols.through
EVERY: tuple[type[models.Model], ...] = (AuditEvent, ConsentEvent, ConsentRecord, CustodyEvent, Revision, AdmittedBy)
#: What an erasure may empty.
ERASABLE = {ConsentRecord: set(CONSENT_TEXTS), Revision: {"snapshot"}}


@pytest.fixture
def rows() -> dict[type[models.Model], models.Model]:
    """One row in every table that is written once, all about one work."""
    work = a_testimony()
    given = consent(work, witness="Großmutter Aghavni", contact="behind the mill", recorded_by=a_user())
    given.protocols.add(Protocol.objects.create(community=work.community, name={}))
    ConsentEvent.objects.create(record_id=work.pk, consent=given, kind="granted", reason="first", by=given.recorded_by)
    audit.note("create", work, None)
    custody_log.note(Happening("ingestion", "user:1", record_uuid=work.uuid))
    found = {model: model._default_manager.get() for model in EVERY}
    assert all(found.values())
    return found


def other(row: models.Model, field: Any) -> Any:
    """Some other value of a field."""
    value = getattr(row, field.attname)
    if isinstance(field, models.JSONField):
        return {"other": True}
    if isinstance(field, models.BooleanField):
        return not value
    if isinstance(field, models.UUIDField):
        return uuid.uuid4()
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.DateField):
        return timezone.now().date()
    if isinstance(field, models.CharField | models.TextField):
        return "other"
    return (value or 0) + 1000


def refused(act: Callable[[], Any]) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        act()


def changes(row: models.Model) -> Iterator[dict[str, Any]]:
    for field in row._meta.local_concrete_fields:
        yield {field.attname: other(row, field)}


def test_every_model_that_is_append_only_is_tried_here():
    assert set(AppendOnly.__subclasses__()) | {AdmittedBy} == set(EVERY)


@pytest.mark.parametrize("model", EVERY)
def test_the_database_refuses_every_change_of_every_column(rows, model):
    row = rows[model]
    for change in changes(row):
        refused(lambda change=change: model._default_manager.filter(pk=row.pk).update(**change))
    refused(lambda: model._default_manager.all()._raw_delete("default"))
    # The guard: without its triggers the table takes it.
    with lifted(), transaction.atomic():
        assert model._default_manager.filter(pk=row.pk)._raw_delete("default") == 1
        transaction.set_rollback(True)


def replacing(row: models.Model, unlike: set[str]) -> str:
    """REPLACE that brings the same row but for these columns, each made another."""
    table, columns = row._meta.db_table, [one.column for one in row._meta.local_concrete_fields]
    values = [f"{name} || '0'" if name in unlike else name for name in columns]
    return f"REPLACE INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table} WHERE id = {row.pk}"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="REPLACE is SQLite's.")
@pytest.mark.parametrize("recursive", ["ON", "OFF"])
@pytest.mark.parametrize("model", EVERY)
def test_replace_writes_over_nothing_by_any_key(rows, model, recursive):
    row = rows[model]
    unique = [{one.column} for one in model._meta.local_concrete_fields if one.unique]
    together = [set(one.fields) for one in model._meta.constraints] + [set(one) for one in model._meta.unique_together]
    unique += [{model._meta.get_field(name).column for name in names} for names in together]
    assert len(unique) > 1 or model is ConsentEvent
    everything = set().union(*unique)
    with connection.cursor() as cursor:
        try:
            # A program that speaks to the file without our settings is refused as well.
            cursor.execute(f"PRAGMA recursive_triggers={recursive}")
            for key in unique:
                refused(lambda key=key: cursor.execute(replacing(row, everything - key)))
            with lifted(), transaction.atomic():
                cursor.execute(replacing(row, everything - unique[0]))
                transaction.set_rollback(True)
        finally:
            cursor.execute("PRAGMA recursive_triggers=ON")
    assert model._default_manager.get() == row


@pytest.mark.skipif(connection.vendor != "sqlite", reason="REPLACE is SQLite's.")
def test_every_connection_asks_for_triggers_on_what_replace_deletes():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers")
        assert cursor.fetchone() == (1,)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="TRUNCATE is PostgreSQL's.")
@pytest.mark.parametrize("model", EVERY)
def test_truncate_is_refused(rows, model):
    with connection.cursor() as cursor:
        connection.check_constraints()
        refused(lambda: cursor.execute(f"TRUNCATE {model._meta.db_table} CASCADE"))


@pytest.mark.parametrize("model", [ConsentRecord, Revision])
def test_words_may_go_once_the_record_is_erased_and_nothing_else(rows, model):
    row = rows[model]
    empty = {"snapshot": {}} if model is Revision else dict.fromkeys(CONSENT_TEXTS, "")
    same = model.objects.filter(pk=row.pk)
    # Of a record that is alive nothing goes.
    refused(lambda: same.update(**empty))
    Record.objects.filter(pk=row.record_id).update(state="erased")
    for change in changes(row):
        refused(lambda change=change: same.update(**change))
    for field in row._meta.local_concrete_fields:
        says_something = isinstance(field, models.CharField | models.TextField) and getattr(row, field.attname)
        if says_something and field.name not in ERASABLE[model]:
            refused(lambda field=field: same.update(**{field.name: ""}))
    # Emptied together with a change of something else: refused too.
    refused(lambda: same.update(**empty, record_id=row.record_id + 1000))
    assert same.update(**empty) == 1 and same.update(**empty) == 1
    refused(lambda: same.update(**{name: getattr(row, name) for name in empty}))


def test_an_erased_record_keeps_its_history_as_shells(rows):
    record = Record.objects.get(pk=rows[Revision].record_id)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        empty_history(record)
    Record.objects.filter(pk=record.pk).update(state="erased")
    empty_history(record)
    revision, given = Revision.objects.get(), ConsentRecord.objects.get()
    assert (revision.snapshot, revision.sha256) == ({}, rows[Revision].sha256)
    assert (given.witness, given.contact, given.scopes) == ("", "", rows[ConsentRecord].scopes)


def test_a_record_with_a_history_cannot_be_deleted(rows):
    record = Record.objects.get(pk=rows[Revision].record_id)
    with pytest.raises(ProtectedError):
        record.delete()
    with pytest.raises(ProtectedError):
        rows[ConsentRecord].recorded_by.delete()
