"""An instance from before logs stood on their own keeps every line with its job."""

from __future__ import annotations

import json
from pathlib import Path

from tests.jobs.instance import Instance

_UPGRADE = """
import django, json, sys, uuid
django.setup()
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
call_command("migrate", "jobs", "0001", verbosity=0, skip_checks=True)
old = MigrationLoader(connection).project_state(("jobs", "0001_initial")).apps
ids = {}
for text in ("un", "deux"):
    job = old.get_model("jobs", "Job").objects.create(kind="import", public_id=uuid.uuid4())
    ids[text] = str(job.public_id)
    old.get_model("jobs", "JobLogLine").objects.create(job=job, sequence=1, text=text)
call_command("migrate", "jobs", verbosity=0, skip_checks=True)
from jobs.api import log_after
sys.stdout.write(json.dumps({text: [line["text"] for line in log_after(ids[text], 0)] for text in ids}))
"""


def test_lines_from_before_stay_with_their_job(tmp_path: Path) -> None:
    assert json.loads(Instance(tmp_path).run("-c", _UPGRADE)) == {"un": ["un"], "deux": ["deux"]}
