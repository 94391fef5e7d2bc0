"""Publications know the form they were made in, and those of an older form are out of service until they are made again.

``migrate`` does that when all migrations are applied (``archive/remake_publications.py``). From this migration on no
reader is led to a row of the older form, by no process, of whatever version.
"""

import secrets

from django.db import migrations, models

import archive.models.publication

STANDS = ("public", "registered", "educators", "granted", "community")


def take_out_of_service(apps, schema_editor):
    publications = apps.get_model("archive", "Publication").objects
    if not publications.exists():
        return
    # Without a version no kept page and no row of the search index counts; without a stand nobody is served.
    publications.update(version="", **{f"serves_{stand}": False for stand in STANDS})
    clock = {"version": secrets.token_hex(8), "remaking": True}
    apps.get_model("archive", "PublicClock").objects.update_or_create(pk=1, defaults=clock)


class Migration(migrations.Migration):
    dependencies = [("archive", "0007_redaction_decisions")]
    operations = [
        # What is there was made in the first form; what comes is made in the form of the program that makes it.
        migrations.AddField("publication", "schema", models.PositiveSmallIntegerField(default=1), preserve_default=False),
        migrations.AlterField(
            "publication",
            "schema",
            models.PositiveSmallIntegerField(default=archive.models.publication.current_schema),
        ),
        migrations.AddIndex("publication", models.Index(fields=["schema"], name="archive_pub_schema_d8f460_idx")),
        migrations.AddField("publicclock", "remaking", models.BooleanField(default=False)),
        migrations.RunPython(take_out_of_service, migrations.RunPython.noop),
    ]
