from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("search", "0001_initial"),
    ]

    operations = [
        # What waits now waits for the embedded engine: until now there was no other.
        migrations.AddField(
            model_name="outboxentry",
            name="engine",
            field=models.CharField(default="fts5", max_length=40),
            preserve_default=False,
        ),
        migrations.AlterField(
            model_name="outboxentry",
            name="work",
            field=models.CharField(max_length=64),
        ),
        migrations.AddIndex(
            model_name="outboxentry",
            index=models.Index(fields=["engine", "work"], name="outbox_of_an_engine"),
        ),
    ]
