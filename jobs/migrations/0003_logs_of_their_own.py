"""A line of a log names its job instead of hanging on its row, so that a log may outlive it."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def name_their_job(apps, schema_editor):
    job = apps.get_model("jobs", "Job").objects.filter(pk=OuterRef("job"))
    apps.get_model("jobs", "JobLogLine").objects.update(named=Subquery(job.values("public_id")[:1]))


class Migration(migrations.Migration):
    dependencies = [("jobs", "0002_media_queue")]
    operations = [
        migrations.AddField("joblogline", "named", models.UUIDField(null=True)),
        migrations.RunPython(name_their_job),
        migrations.AlterModelOptions("joblogline", {}),
        migrations.RemoveConstraint("joblogline", "job_log_line_in_sequence"),
        migrations.RemoveField("joblogline", "job"),
        migrations.RenameField("joblogline", "named", "job_id"),
        migrations.AlterField("joblogline", "job_id", models.UUIDField()),
        migrations.AlterModelOptions("joblogline", {"ordering": ["job_id", "sequence"]}),
        migrations.AddConstraint(
            "joblogline", models.UniqueConstraint(fields=["job_id", "sequence"], name="job_log_line_in_sequence")
        ),
        migrations.CreateModel(
            "HeldLog",
            [
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("job_id", models.UUIDField(unique=True)),
            ],
        ),
    ]
