"""An instance that was only migrated: `serve` says what it lacks and what to run, and then serves every page."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.config.served import ROOT, Served, ask
from tests.conftest import schema_template

pytestmark = pytest.mark.slow

PAGES = ("/en/", "/ar/", "/en/search/?q=river", "/en/testimonies/", "/en/help/", "/accounts/login/", "/sitemap.xml")


def test_an_instance_that_was_only_migrated_is_refused_with_its_remedy(django_db_setup: None, tmp_path: Path) -> None:
    served = Served(tmp_path / "instance")
    if schema_template().exists():
        (served.folder / "db").mkdir(parents=True)
        shutil.copy(schema_template(), served.folder / "db" / "cairn.sqlite3")
    served.run("manage.py", "migrate", "--verbosity=0")
    refused = subprocess.run(
        [sys.executable, "manage.py", "serve", f"--port={served.port}"],
        env=served.environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    remedy = re.search(r"lacks .*: run “manage\.py (\w+)” first\.$", refused.stderr.strip())
    assert refused.returncode == 1 and remedy and "Traceback" not in refused.stderr
    served.run("manage.py", remedy[1])
    try:
        served.start()
        assert {path: ask(served.port, path).status for path in PAGES} == dict.fromkeys(PAGES, 200)
    finally:
        served.end()
