"""The custody log and the audit trail refuse every change in the database itself."""

from django.db import migrations

from archive.vault.custody import append_only_statements

TABLES = ("archive_custodyevent", "archive_auditevent")


def install(apps, schema_editor):
    _execute(schema_editor.connection, reverse=False)


def remove(apps, schema_editor):
    _execute(schema_editor.connection, reverse=True)


def _execute(connection, *, reverse):
    with connection.cursor() as cursor:
        for table in TABLES:
            for statement in append_only_statements(table, connection.vendor, reverse=reverse):
                cursor.execute(statement)


class Migration(migrations.Migration):
    dependencies = [("archive", "0003_desk")]
    operations = [migrations.RunPython(install, remove)]
