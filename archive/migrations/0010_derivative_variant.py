"""Derivatives say which one of their kind they are; those made before are what was made then."""

from django.db import migrations, models

MADE_BEFORE = {
    "image": "size=2400;codec=jpeg",
    "thumbnail": "size=480;codec=jpeg",
    "audio": "codec=aac",
    "video": "size=1280;codec=h264",
    "waveform": "size=1800;codec=json",
}


def say_which(apps, schema_editor):
    derivatives = apps.get_model("archive", "Derivative").objects
    for kind, variant in MADE_BEFORE.items():
        derivatives.filter(kind=kind, variant="").update(variant=variant)


class Migration(migrations.Migration):
    dependencies = [("archive", "0009_written_once")]
    operations = [
        migrations.RemoveConstraint("derivative", "one_derivative_per_kind"),
        migrations.AddField("derivative", "variant", models.CharField(blank=True, default="", max_length=60)),
        migrations.RunPython(say_which, migrations.RunPython.noop),
        migrations.AddConstraint(
            "derivative",
            models.UniqueConstraint(fields=["asset", "kind", "variant"], name="one_derivative_per_variant"),
        ),
    ]
