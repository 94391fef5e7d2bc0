"""No other account of the machine reads the instance: real modes of a real instance."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from config import checks
from config.closed_folder import OTHERS, close_to_others, readable_by_others
from tests.config.conftest import Front
from tests.config.served import ROOT, Served, ask

pytestmark = pytest.mark.xdist_group("front")


def open_to_others(folder: Path) -> list[str]:
    """Everything in ``folder``, itself included, that the group or anybody could read, write or enter."""
    places = [folder, *folder.rglob("*")]
    return [str(place) for place in places if stat.S_IMODE(place.lstat().st_mode) & OTHERS and not place.is_symlink()]


def made_under(mask: int, folder: Path, code: str) -> None:
    """Run ``code`` on a new instance in ``folder``, from a shell with the umask ``mask``."""
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environment |= {"CAIRN_DATA": str(folder), "PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        cwd=ROOT,
        check=True,
        umask=mask,
        capture_output=True,
        timeout=120,
    )


def test_a_prepared_and_served_instance_is_its_owners_alone(front: Front) -> None:
    for path in ("/en/", "/readyz", "/en/search/?q=river"):
        ask(front.port, path)
    made = {place.name for place in front.site.folder.rglob("*")}
    assert {"cairn.sqlite3", "cairn.sqlite3-wal", "cairn.sqlite3-shm", "secret_key", "index.sqlite3"} <= made
    assert open_to_others(front.site.folder) == []


@pytest.mark.parametrize("entry", ["import manage", "import config.wsgi", "import config.celery"])
def test_every_way_in_makes_files_for_its_owner_alone(entry: str, tmp_path: Path) -> None:
    code = "from django.conf import settings; settings.CAIRN_DATA; (settings.CAIRN_DATA / 'later').write_text('x')"
    setting = "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; "
    made_under(0o000, tmp_path / "instance", setting + entry + "; " + code)
    assert (tmp_path / "instance" / "later").exists()
    assert open_to_others(tmp_path / "instance") == []


def test_this_goes_red_without_the_mask(tmp_path: Path) -> None:
    code = (
        "import os; os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'; os.umask = lambda mask: 0; "
        "from django.conf import settings; settings.CAIRN_DATA"
    )
    made_under(0o022, tmp_path / "instance", code)
    assert str(tmp_path / "instance" / "db") in open_to_others(tmp_path / "instance")


@pytest.fixture
def left_open(tmp_path: Path, settings: Any) -> Path:
    """An instance as an earlier version left it: everybody may read."""
    data = tmp_path / "instance"
    for name in ("db/cairn.sqlite3", "db/cairn.sqlite3-wal", "ledger/withdrawals.jsonl", "secrets/secret_key", "stamp"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).write_text("x")
    for place in (data, *data.rglob("*")):
        place.chmod(0o755 if place.is_dir() else 0o644)
    settings.CAIRN_DATA = data
    engine = "django.db.backends.sqlite3"
    settings.DATABASES = {"default": {"ENGINE": engine, "NAME": str(data / "db" / "cairn.sqlite3")}}
    return data


def test_what_was_left_open_is_found_and_closed(left_open: Path) -> None:
    found = readable_by_others()
    assert {place.relative_to(left_open).as_posix() for place in found} == {
        place.relative_to(left_open).as_posix() for place in (left_open, *left_open.rglob("*"))
    }
    assert close_to_others() == len(found)
    assert readable_by_others() == []
    assert open_to_others(left_open) == []


@pytest.mark.parametrize("name", ["", "db", "db/cairn.sqlite3", "db/cairn.sqlite3-wal", "ledger/withdrawals.jsonl"])
@pytest.mark.parametrize("bit", [0o040, 0o004, 0o001])
def test_production_refuses_any_of_them(left_open: Path, name: str, bit: int) -> None:
    close_to_others()
    assert checks._modes() == []
    place = left_open / name
    place.chmod(stat.S_IMODE(place.stat().st_mode) | bit)
    assert [(error.id, bool(error.hint)) for error in checks._modes()] == [("cairn.E012", True)]


def test_a_database_elsewhere_counts_and_its_folder_is_named_but_left(left_open: Path, settings: Any) -> None:
    close_to_others()
    elsewhere = left_open.parent / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o755)
    database = elsewhere / "cairn.sqlite3"
    database.write_text("x")
    database.chmod(0o644)
    settings.DATABASES["default"]["NAME"] = str(database)
    assert readable_by_others() == [database, elsewhere]
    close_to_others()
    assert readable_by_others() == [elsewhere]
    assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o755


def test_serving_in_production_stops_with_the_remedy(instance: Served) -> None:
    public = {"CAIRN_MODE": "production", "PUBLIC_URL": "https://archive.example.org"}
    command = [sys.executable, "manage.py", "serve", f"--port={instance.port}"]
    mode = stat.S_IMODE(instance.folder.stat().st_mode)
    instance.folder.chmod(0o755)
    try:
        done = subprocess.run(
            command, env={**instance.environment, **public}, cwd=ROOT, capture_output=True, timeout=120, check=False
        )
    finally:
        instance.folder.chmod(mode)
    assert done.returncode != 0
    assert b"cairn.E012" in done.stderr
    assert b"prepare_site" in done.stderr
