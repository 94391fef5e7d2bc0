"""Links for readers without an account, and the works that each of them opens."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('archive', '0010_derivative_variant'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ReaderLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('class', 'Class'), ('reviewer', 'Reviewer')], max_length=10)),
                ('token_hash', models.CharField(editable=False, max_length=64)),
                ('audience', models.CharField(blank=True, choices=[('public', 'public'), ('registered', 'registered readers'), ('educators', 'educators'), ('granted', 'on request'), ('community', 'community')], max_length=10)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('community', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='archive.community')),
                ('maker', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='PinnedWork',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('revision', models.PositiveIntegerField(blank=True, null=True)),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('record', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='archive.record')),
                ('link', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='pins', to='archive.readerlink')),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
        migrations.AddConstraint(
            model_name='readerlink',
            constraint=models.UniqueConstraint(fields=('token_hash',), name='one_reader_link_per_token'),
        ),
        migrations.AddConstraint(
            model_name='pinnedwork',
            constraint=models.UniqueConstraint(fields=('link', 'record'), name='one_pin_per_link_and_work'),
        ),
    ]
