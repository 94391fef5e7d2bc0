"""What every test shares: an instance of its own in a temporary folder, never the developer's."""

from __future__ import annotations

import atexit
import gc
import hashlib
import os
import shutil
import sqlite3
import tempfile
import threading
import time
from pathlib import Path

# Two processes run tests beside each other: threads of their own would only wait for each other's. Before numpy and
# numba are imported, which read it then.
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, "1")

import django
import django.conf
import pytest

# Before Django reads its settings: the tests own a fresh instance and no variable of the shell.
_instance = tempfile.mkdtemp(prefix="cairn-test-")
atexit.register(shutil.rmtree, _instance, ignore_errors=True)
os.environ["CAIRN_DATA"] = _instance
os.environ["CAIRN_MODE"] = "development"
# Not in pyproject.toml: pytest-django would read the settings before this file has set the scene.
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
for _name in ("SECRET_KEY", "PUBLIC_URL", "DEBUG"):
    os.environ.pop(_name, None)

django.setup()

# Hashing is not what tests are about (``accounts/test_sign_in`` has the one that is): the real algorithm, with next to
# no work.
_configured = django.conf.settings
_configured.PASSWORD_HASHERS = ["tests.accounts.people.CheapArgon2", *_configured.PASSWORD_HASHERS[1:]]

# What Django is made of lives as long as the tests do: not to be looked through for rubbish thousands of times.
gc.freeze()
gc.set_threshold(100_000, 50, 50)


def pytest_addoption(parser):
    parser.addoption(
        "--only-database",
        action="store_true",
        help="only tests that touch the database of the tests: on a second engine the others would only run twice",
    )


def pytest_collection_modifyitems(config, items):
    """With ``--only-database`` leave out what asks for no database, or starts an instance with one of its own."""
    if not config.getoption("--only-database"):
        return
    asks = [item for item in items if _asks_the_database(item)]
    kept = set(asks)
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = asks


def _asks_the_database(item) -> bool:
    from django.test import TransactionTestCase

    of_django = isinstance(getattr(item, "cls", None), type) and issubclass(item.cls, TransactionTestCase)
    fixtures = {"db", "transactional_db", "django_db_setup"} & set(getattr(item, "fixturenames", ()))
    return of_django or bool(fixtures) or item.get_closest_marker("django_db") is not None


def pytest_terminal_summary(terminalreporter):
    """Say what was left out for want of packages that only `make workers` installs."""
    from heritage3d.pipeline.system_libraries import missing_modules

    if missing_modules():
        terminalreporter.write_line("tests/heritage3d left out: its packages are not installed (“make workers” does).")


#: Real material to test against, beside a developer's or CI's checkout; absent elsewhere.
SHARED = Path(os.environ.get("CAIRN_SHARED", Path(__file__).resolve().parent.parent.parent / "shared"))


@pytest.fixture(scope="session")
def django_db_setup(request, django_test_environment, django_db_blocker):
    """The test database, migrated once per state of the migrations and copied from then on.

    Wagtail's two hundred migrations take longer than most of our tests; a copy of the migrated SQLite
    file, kept in the system's temporary folder under a hash of every migration, takes milliseconds.
    """
    from django.conf import settings
    from django.db import connection

    if connection.vendor != "sqlite":
        request.getfixturevalue("_plain_database")
        yield
        return
    template = schema_template()
    with django_db_blocker.unblock():
        if template.exists():
            name = connection.creation._get_test_db_name()
            connection.close()
            settings.DATABASES["default"]["NAME"] = connection.settings_dict["NAME"] = name
            connection.ensure_connection()
            with sqlite3.connect(template) as source:
                source.backup(connection.connection)
        else:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            partial = template.with_suffix(f".{os.getpid()}")
            with sqlite3.connect(partial) as target:
                connection.connection.backup(target)
            partial.replace(template)
        _empty_append_only_tables_too(connection)
        _make_pages_once()
    yield
    # An in-memory database goes with its process.


@pytest.fixture(scope="session")
def _plain_database(django_test_environment, django_db_blocker):
    """On PostgreSQL: created and migrated the ordinary way, removed at the end."""
    from django.test.utils import setup_databases, teardown_databases

    suffix = os.environ.get("PYTEST_XDIST_WORKER", "")
    with django_db_blocker.unblock():
        from django.db import connection

        if suffix:
            connection.settings_dict["TEST"]["NAME"] = f"test_cairn_{suffix}"
        config = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
        _empty_append_only_tables_too(connection)
        _make_pages_once()
    yield
    with django_db_blocker.unblock():
        teardown_databases(config, verbosity=0)


def _empty_append_only_tables_too(connection) -> None:
    """Tests that commit empty all tables afterwards, which triggers would refuse: they are lifted for that alone."""
    from tests.append_only import lifted

    operations = type(connection.ops)
    plain = operations.execute_sql_flush

    def flush(ops, statements):
        with lifted(ops.connection):
            plain(ops, statements)

    operations.execute_sql_flush = flush


def _make_pages_once() -> None:
    """The first pages stand before the tests begin: made for each test they would cost more than most of them."""
    from archive.pages.first_pages import make_first_pages

    make_first_pages()


def schema_template() -> Path:
    """Where the migrated and otherwise empty database lies once a test has needed it."""
    return Path(tempfile.gettempdir()) / f"cairn-test-schema-{_migrations_hash()}.sqlite3"


def _migrations_hash() -> str:
    """A hash over every migration of every app, ours and the libraries', and over the triggers that they install."""
    from django.apps import apps

    from archive import append_only

    digest = hashlib.sha256(Path(append_only.__file__).read_bytes())
    for app in sorted(apps.get_app_configs(), key=lambda config: config.label):
        for file in sorted(Path(app.path).glob("migrations/*.py")):
            digest.update(f"{app.label}/{file.name}".encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


@pytest.fixture
def site(db, tmp_path, settings):
    """An instance with its first pages and an empty search index of its own."""
    from archive.pages.first_pages import make_first_pages
    from archive.pages.models import HomePage

    settings.SEARCH_PATH = tmp_path / "search" / "index.sqlite3"
    # A test that commits empties the tables, pages among them.
    if not HomePage.objects.exists():
        make_first_pages()


@pytest.fixture(autouse=True)
def no_pages_of_another_test():
    """Pages kept in memory are told apart by the clock of what is public, which begins alike in every test."""
    from archive.public import page_cache

    page_cache.MEMORY.clear()


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium, started once: two Playwright loops in one thread refuse each other."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("No Chromium on this machine: install Debian's package chromium.")
    # Playwright's loop runs in this thread; the templates that are rendered elsewhere touch no database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required", "--mute-audio"],
        )
        yield started
        started.close()
    os.environ.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)


@pytest.fixture(autouse=True)
def answered_before_the_next(request):
    """A journey ends when its server has answered: a late request would lock out the clearing up of the database."""
    if "live_server" not in request.fixturenames:
        yield
        return
    # Set up before us, so that they are cleared up after us.
    for name in ("transactional_db", "live_server"):
        request.getfixturevalue(name)
    yield
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline and any("process_request" in one.name for one in threading.enumerate()):
        time.sleep(0.02)
