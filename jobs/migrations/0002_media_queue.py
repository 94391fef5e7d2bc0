from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0001_initial")]
    operations = [
        migrations.AlterField(
            "job",
            "queue",
            models.CharField(
                choices=[("light", "light"), ("media", "media"), ("heavy", "heavy")], default="light", max_length=16
            ),
        ),
    ]
