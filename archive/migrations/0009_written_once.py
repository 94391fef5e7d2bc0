"""Consent, consent events and revisions refuse change in the database too; the audit trail becomes a chain of hashes.

A trail written before is chained as it stands, oldest first: from now on nobody can change it unnoticed.
"""

from datetime import UTC

import django.db.models.deletion
from django.db import migrations, models

from archive import append_only
from archive.vault import custody

#: What an erasure leaves of a revision and a consent.
EMPTY = {
    "Revision": {"snapshot": "'{}'"},
    "ConsentRecord": dict.fromkeys(
        (
            "proxy_relation",
            "witness",
            "embargo_event",
            "territory",
            "after_death",
            "contact",
            "withdrawal_terms",
        ),
        "''",
    ),
}


def guards(apps):
    consent = apps.get_model("archive", "ConsentRecord")
    names = ("CustodyEvent", "AuditEvent", "ConsentRecord", "ConsentEvent", "Revision")
    found = [append_only.guarded(apps.get_model("archive", name), EMPTY.get(name)) for name in names]
    return [*found, append_only.guarded(consent.protocols.through)]


def install(apps, schema_editor):
    _execute(apps, schema_editor.connection, reverse=False)


def lift(apps, schema_editor):
    _execute(apps, schema_editor.connection, reverse=True)


def _execute(apps, connection, *, reverse):
    with connection.cursor() as cursor:
        for guard in guards(apps):
            for statement in append_only.statements(guard, connection.vendor, reverse=reverse):
                cursor.execute(statement)


def facts_of(event):
    """What ``archive.audit.as_facts`` says at the time of this migration."""
    names = ("sequence", "previous_hash", "action", "subject", "community", "actor", "outcome", "detail")
    at = event.at.astimezone(UTC).isoformat(timespec="microseconds")
    return {"at": at, **{name: getattr(event, name) for name in names}}


def chain(apps, schema_editor):
    """Number and hash what is there."""
    events = apps.get_model("archive", "AuditEvent").objects
    sequence, previous = 0, custody.GENESIS
    waiting = []
    for event in events.order_by("id").iterator(chunk_size=1000):
        sequence += 1
        event.sequence, event.previous_hash = sequence, previous
        event.own_hash = previous = custody.hash_of(facts_of(event))
        waiting.append(event)
        if len(waiting) == 500:
            events.bulk_update(waiting, ["sequence", "previous_hash", "own_hash"])
            waiting = []
    events.bulk_update(waiting, ["sequence", "previous_hash", "own_hash"])


class Migration(migrations.Migration):
    dependencies = [("archive", "0008_publication_schema")]
    operations = [
        migrations.RunPython(lift, install),
        migrations.AlterField(
            "revision",
            "record",
            models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="revisions", to="archive.record"
            ),
        ),
        migrations.AlterModelOptions("auditevent", {"ordering": ["-sequence"], "verbose_name": "audit event"}),
        migrations.AlterField("auditevent", "at", models.DateTimeField()),
        migrations.AddField("auditevent", "sequence", models.PositiveBigIntegerField(null=True)),
        migrations.AddField("auditevent", "previous_hash", models.CharField(max_length=64, null=True)),
        migrations.AddField("auditevent", "own_hash", models.CharField(max_length=64, null=True)),
        migrations.RunPython(chain, migrations.RunPython.noop),
        migrations.AlterField("auditevent", "sequence", models.PositiveBigIntegerField(unique=True)),
        migrations.AlterField("auditevent", "previous_hash", models.CharField(max_length=64)),
        migrations.AlterField("auditevent", "own_hash", models.CharField(max_length=64, unique=True)),
        migrations.RunPython(install, lift),
    ]
