"""The life of an instance whose publications are of the first form: ``python -m tests.archive.older.driver SCENARIO``.

Run with ``CAIRN_DATA`` naming an instance. ``become-old`` makes of a migrated SQLite database what ``schema_1.json``
says, at the migrations of its time. The others begin there and say on standard output, as JSON, what each step saw.
Every step runs in a child of its own, as on a machine where commands follow one another; those that are to be killed
kill themselves.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import tarfile
from collections.abc import Callable
from datetime import datetime
from hashlib import sha256
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import django
import pytest  # noqa: F401 - tells the settings that this is a test: no manifest of static files is needed

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import CommandError, call_command  # noqa: E402
from django.db import connection, connections  # noqa: E402
from django.db.migrations.executor import MigrationExecutor  # noqa: E402
from django.db.migrations.loader import MigrationLoader  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import resolve  # noqa: E402

from archive import remake_publications  # noqa: E402
from archive.publications import remake_pending  # noqa: E402
from archive.remake_publications import RemakePublications  # noqa: E402
from archive.vault.inventory import canonical_json  # noqa: E402
from archive.vault.snapshot import MANIFEST, Manifest  # noqa: E402
from search import engines, outbox  # noqa: E402
from search.documents import SearchDocument  # noqa: E402

DATABASE = Path(settings.CAIRN_DATA) / "db" / "cairn.sqlite3"
OLD = json.loads(Path(__file__).with_name("schema_1.json").read_text("utf-8"))
WORKS: dict[str, str] = OLD["works"]
seen: dict[str, Any] = {"works": WORKS}


# --- children ----------------------------------------------------------------------------------


def aside(step: Callable[..., Any], *arguments: Any) -> Any:
    """What a step returns in a process of its own."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.close(reading)
        with os.fdopen(writing, "w") as stream:
            json.dump(step(*arguments), stream)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as stream:
        said = stream.read()
    _pid, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"{step.__name__} ended with status {status}.")
    return json.loads(said)


def killed(step: Callable[[], Any]) -> bool:
    """Run a step that may kill its own process; whether it did."""
    pid = os.fork()
    if not pid:
        step()
        os._exit(0)
    _pid, status = os.waitpid(pid, 0)
    if status not in (0, signal.SIGKILL):
        raise RuntimeError(f"{step.__name__} ended with status {status}.")
    return status == signal.SIGKILL


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


# --- the instance as it was --------------------------------------------------------------------


def become_old() -> None:
    """The archive's tables at the last migration of the first form, with the rows of then; the index likewise."""
    with sqlite3.connect(DATABASE) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        for (table,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'archive\\_%' ESCAPE '\\'"
        ).fetchall():
            database.execute(f"DROP TABLE {table}")
        database.execute("DELETE FROM django_migrations WHERE app = 'archive'")
    MigrationExecutor(connection).migrate([("archive", "0005_clip_audience")])
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table, facts in OLD["tables"].items():
            places = ", ".join(["%s"] * len(facts["columns"]))
            columns = ", ".join(f'"{column}"' for column in facts["columns"])
            statement = f"INSERT INTO {table} ({columns}) VALUES ({places})"
            cursor.executemany(statement, facts["rows"])
        # One that somebody hid behind the gate's back, one whose text cannot be read any more, one page that no work
        # names, and one of a record that is gone.
        cursor.execute("UPDATE archive_record SET hidden = 1 WHERE public_id = %s", [WORKS["hidden"]])
        cursor.execute(
            "UPDATE archive_revision SET snapshot = '{}' WHERE record_id = "
            "(SELECT id FROM archive_record WHERE public_id = %s)",
            [WORKS["broken"]],
        )
        published = OLD["tables"]["archive_publication"]["columns"]
        quoted = ", ".join(f'"{column}"' for column in published if column not in ("id", "public_id"))
        for public_id, model in (("0rphanp1ac", WORKS["place"]), ("0rphanw0rk", WORKS["plain"])):
            cursor.execute(
                f"INSERT INTO archive_publication (public_id, {quoted}) "
                f"SELECT %s, {quoted} FROM archive_publication WHERE public_id = %s",
                [public_id, model],
            )
    engines.current().replace_many(
        (work, [_document(one) for one in documents], None) for work, documents in OLD["documents"].items()
    )


def _document(facts: dict[str, Any]) -> SearchDocument:
    facets = {name: tuple(values) for name, values in facts["facets"].items()}
    at = datetime.fromisoformat(facts["published_at"])
    return SearchDocument(**{**facts, "stands": frozenset(facts["stands"]), "facets": facets, "published_at": at})


# --- what is seen ------------------------------------------------------------------------------


def command(*arguments: str) -> str:
    """What a command says, or the error that it ends with."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=out)
    except CommandError as error:
        return f"{out.getvalue()}ERROR {type(error).__name__} {error}"
    return out.getvalue()


def statuses() -> dict[str, int]:
    return {name: Client().get(f"/id/{public_id}").status_code for name, public_id in WORKS.items()}


def everything_public() -> str:
    """The bytes of every surface on which the old instance could be read by everybody."""
    client = Client()
    client.raise_request_exception = False
    paths = [
        "/en/testimonies/",
        "/en/people/",
        "/en/places/",
        "/en/collections/",
        "/sitemap-publications.xml",
        "/en/feeds/new.atom",
    ]
    for public_id in (*WORKS.values(), "0rphanp1ac", "0rphanw0rk"):
        for segment in ("testimonies", "people", "places", "collections"):
            paths += [f"/en/{segment}/{public_id}/", f"/api/v1/{segment}/{public_id}"]
        paths += [f"/en/testimonies/{public_id}/download/{form}/" for form in ("json", "tei", "csv")]
    for word in ("Vexlenbrook", "Quendelmor", "snozzcart", "river"):
        paths += [f"/en/search/?q={word}", f"/api/v1/search?q={word}"]
    # The question itself stands in the answer: only what is found counts.
    return "\n".join(
        client.get(path).content.decode("utf-8", "replace").replace(path.rpartition("=")[2], "", 3)
        if "q=" in path
        else client.get(path).content.decode("utf-8", "replace")
        for path in paths
    )


def canaries() -> list[str]:
    said = everything_public()
    return [word for word in (*OLD["canaries"], *OLD["hashes"]) if word in said]


def found(word: str) -> int:
    return int(Client().get("/api/v1/search", {"q": word}).json()["total"])


def state() -> dict[str, Any]:
    """What the database and the site say of themselves."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM archive_publication WHERE schema = 1")
        old = cursor.fetchone()[0]
        cursor.execute(
            "SELECT count(*) FROM archive_publication WHERE schema = 1 AND (version != '' OR serves_public "
            "OR serves_registered OR serves_educators OR serves_granted OR serves_community)"
        )
        served = cursor.fetchone()[0]
    client = Client()
    return {
        "pending": remake_pending(),
        "old": old,
        "served": served,
        "page": client.get(f"/en/testimonies/{WORKS['plain']}/").status_code,
        "api": client.get("/api/v1/testimonies/").status_code,
        "ready": client.get("/readyz").json()["parts"]["publications"],
    }


# --- scenarios ---------------------------------------------------------------------------------


def migrate_and_die() -> None:
    """The migrations are applied, and nothing else any more."""
    RemakePublications.execute = lambda self: kill()  # type: ignore[assignment, method-assign, return-value]
    call_command("migrate", verbosity=0)


def remake_and_die_at(point: int) -> Callable[[], None]:
    """Make them again in small parts, and die at the ``point``-th of the places at which one could."""
    passed = 0

    def may_die() -> None:
        nonlocal passed
        passed += 1
        if passed == point:
            kill()

    def around(act: Callable[..., Any]) -> Callable[..., Any]:
        def acts(*arguments: Any, **more: Any) -> Any:
            may_die()
            result = act(*arguments, **more)
            may_die()
            return result

        return acts

    def step() -> None:
        remake_publications.WORKS_TOGETHER = remake_publications.COMPANIONS_TOGETHER = 2
        for name in ("_take_out_of_service", "_remake_works", "_remake_companions", "_done", "_leave_closed", "_open"):
            setattr(RemakePublications, name, around(getattr(RemakePublications, name)))
        outbox.apply_pending = around(outbox.apply_pending)
        command("migrate")

    return step


def upgrade(every: str) -> None:
    """Migrated, and killed at every so many of the places in turn until it has come through; 0: never."""
    if int(every):
        seen["killed_first"] = killed(migrate_and_die)
        seen["migrated"] = aside(state)
        seen["serve"] = aside(command, "serve")
        seen["kills"] = []
        for point in range(1, 200, int(every)):
            if not killed(remake_and_die_at(point)):
                break
            seen["kills"].append(aside(state))
    else:
        seen["said"] = aside(command, "migrate")
    finish()


def restore(present: str) -> None:
    """A backup of then, into an instance of now; one work was withdrawn since, the first replay breaks down."""
    records = OLD["tables"]["archive_record"]
    record = dict(zip(records["columns"], next(row for row in records["rows"] if WORKS["sealed"] in row), strict=True))
    entry = {"at": "2026-11-30T00:00:00+00:00", "action": "withdraw", "public_id": WORKS["sealed"]}
    entry |= {"uuid": str(UUID(record["uuid"])), "reason": "danger"}
    # A line as the ledger of then held it.
    line = canonical_json({**entry, "check": sha256(canonical_json(entry)).hexdigest()[:16]})
    folder = Path(settings.CAIRN_DATA) / "ledger"
    folder.mkdir(exist_ok=True)
    (folder / "withdrawals.jsonl").write_bytes(line)
    with sqlite3.connect(DATABASE) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    old = DATABASE.read_bytes()
    for suffix in ("-wal", "-shm"):
        DATABASE.with_name(DATABASE.name + suffix).unlink(missing_ok=True)
    DATABASE.write_bytes(Path(present).read_bytes())
    target = Path(settings.CAIRN_DATA).parent / "backup.tar"
    manifest = Manifest("sqlite", "2026-11-30T00:00:00+00:00", {"database/cairn.sqlite3": sha256(old).hexdigest()})
    with tarfile.open(target, "w") as tar:
        for name, data in (("database/cairn.sqlite3", old), (MANIFEST, manifest.to_bytes())):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o600
            tar.addfile(member, BytesIO(data))
    seen["said"] = aside(command, "restore", str(target), "--yes")
    finish()


def finish() -> None:
    seen["after"] = aside(state)
    seen["statuses"] = aside(statuses)
    seen["canaries"] = aside(canaries)
    seen["found"] = aside(lambda: {word: found(word) for word in ("plumbrella", *OLD["canaries"])})
    seen["again"] = aside(command, "migrate")
    with sqlite3.connect(DATABASE) as database:
        rows = database.execute("SELECT public_id, schema, kind FROM archive_publication").fetchall()
        seen["rows"] = rows
        seen["outbox"] = database.execute("SELECT count(*) FROM search_outboxentry").fetchone()[0]
        audited = "SELECT subject, outcome FROM archive_auditevent WHERE action = 'remake'"
        seen["audited"] = dict(database.execute(audited).fetchall())


if __name__ == "__main__":
    settings.ALLOWED_HOSTS = ["*"]
    # Once, and not in every child anew: addresses with all their views, and all migrations.
    resolve("/en/")
    MigrationLoader(None)
    # No child may inherit an open file of a database that a restore moves away.
    connections.close_all()
    scenarios: dict[str, Callable[..., None]] = {"become-old": become_old, "upgrade": upgrade, "restore": restore}
    scenarios[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(seen))  # noqa: T201 - this is how the test hears
