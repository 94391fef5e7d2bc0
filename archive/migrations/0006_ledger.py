"""What the database knows of the withdrawal ledger, and names for redactions that outlive a restore."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


def name_redactions(apps, schema_editor):
    redactions = apps.get_model("archive", "Redaction").objects
    for key in redactions.filter(uuid=None).values_list("pk", flat=True):
        redactions.filter(pk=key).update(uuid=uuid.uuid4())


class Migration(migrations.Migration):

    dependencies = [
        ('archive', '0005_clip_audience'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LedgerLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveBigIntegerField()),
                ('hash', models.CharField(max_length=64)),
                ('instance', models.CharField(max_length=36)),
                ('thing', models.CharField(blank=True, db_index=True, max_length=160)),
                ('takes_back', models.BooleanField(default=False)),
            ],
            options={
                'verbose_name': 'line of the ledger',
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='OwedLine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('entry', models.JSONField()),
                ('thing', models.CharField(db_index=True, max_length=160)),
                ('takes_back', models.BooleanField(default=False)),
                ('at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'verbose_name': 'line owed to the ledger',
                'ordering': ['id'],
            },
        ),
        migrations.AddField(
            model_name='redaction',
            name='uuid',
            field=models.UUIDField(editable=False, null=True),
        ),
        migrations.RunPython(name_redactions, migrations.RunPython.noop),
        migrations.AlterField(
            model_name='redaction',
            name='uuid',
            field=models.UUIDField(default=uuid.uuid4, editable=False, unique=True),
        ),
        migrations.CreateModel(
            name='Unfinished',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('what', models.CharField(choices=[('passage', 'A whole passage is hidden: hide the words instead, then show the rest again.'), ('work', 'The work is hidden, because the passage to be redacted is not in it.'), ('consent', 'Its consent was narrowed again: look at the form that was signed.'), ('name', 'Her name is withheld again: choose how she is named.')], max_length=10)),
                ('at', models.DateTimeField(auto_now_add=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('finished_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('record', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='archive.record')),
            ],
            options={
                'verbose_name': 'to be finished after a restore',
                'ordering': ['id'],
                'constraints': [models.UniqueConstraint(condition=models.Q(('finished_at', None)), fields=('record', 'what'), name='one_open_task_of_a_kind')],
            },
        ),
    ]
