"""``manage.py serve``: the whole site in the foreground: web, workers and the round over the jobs."""

from __future__ import annotations

import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection, connections
from django.db.migrations.executor import MigrationExecutor

from archive.publications import remake_pending
from config.broker import purge_processed
from config.celery import QUEUES, broker_folder, uses_folder
from config.closed_folder import close_to_others
from config.logging import ACCESS_FORMAT
from config.preparing import lacking_parts
from config.serving.supervisor import Service, Supervisor
from jobs.sweep import awaited_queues, prune, sweep

#: Seconds between two rounds over the jobs, and between two clean-ups.
SWEEP_EVERY = 5.0
PRUNE_EVERY = 3600.0


class Command(BaseCommand):
    help = "Serve the site: web and workers in the foreground. Ctrl-C ends everything."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", help="address to listen on; only loopback in demo mode (default 127.0.0.1)")
        parser.add_argument("--port", type=int, default=settings.PORT, help="default: PORT, or 8000")
        parser.add_argument("--web", type=int, default=2, help="web processes (default 2)")
        parser.add_argument("--threads", type=int, default=6, help="threads of each web process (default 6)")
        parser.add_argument("--light", type=int, default=1, help="workers for short jobs (default 1)")
        parser.add_argument("--media", type=int, default=1, help="workers for recordings and pictures (default 1)")
        parser.add_argument("--heavy", type=int, default=1, help="workers for reconstructions (default 1)")

    def handle(self, *args: Any, **options: Any) -> None:
        bind = self._bind(options["bind"])
        port = options["port"]
        if settings.CAIRN_MODE != "production":
            # Production has refused to come this far.
            close_to_others()
        refuse_old_database()
        refuse_old_publications()
        refuse_unprepared()
        refuse_taken(bind, port)
        self.awaited = {queue: threading.Event() for queue in QUEUES}
        services = [web_service(bind, port, options["web"], options["threads"])]
        for queue in QUEUES:
            # A worker costs some 150 MB: those for long jobs start with the first job of their kind.
            wanted = (lambda: True) if queue == "light" else self.awaited[queue].is_set
            services += [worker_service(queue, number, wanted) for number in range(options[queue])]
        round_ended = threading.Event()
        rounds = threading.Thread(target=self._rounds, args=(round_ended,), name="sweep", daemon=True)
        rounds.start()
        self.stdout.write(f"Cairn serves {settings.PUBLIC_URL} (listening on {_shown(bind)}:{port}). Ctrl-C ends it.")
        self.stdout.flush()
        try:
            Supervisor(services, say=self._say).run()
        finally:
            round_ended.set()
            rounds.join(timeout=10)
        self.stdout.write("Everything has ended.")

    def _bind(self, given: str | None) -> str:
        bind = given or "127.0.0.1"
        if settings.CAIRN_MODE == "demo" and bind not in {"127.0.0.1", "::1", "localhost"}:
            raise CommandError(
                f"The demo has throw-away accounts and listens on this machine only, not on {bind}. "
                "Leave --bind out, or set CAIRN_MODE=production."
            )
        return bind

    def _say(self, sentence: str) -> None:
        self.stderr.write(sentence)
        self.stderr.flush()

    def _rounds(self, ended: threading.Event) -> None:
        """Ring for waiting jobs, free those of dead workers, start recurring work, tidy up."""
        next_prune = time.monotonic()
        troubled = False
        pause = 1.0
        while not ended.wait(pause):
            pause = SWEEP_EVERY
            try:
                unreachable = sweep().unreachable
                for queue in awaited_queues():
                    self.awaited[queue].set()
                if time.monotonic() >= next_prune:
                    prune()
                    next_prune = time.monotonic() + PRUNE_EVERY
                if uses_folder(settings.CELERY_BROKER_URL):
                    purge_processed(broker_folder())
                problem = "The broker cannot be reached" if unreachable else ""
            except (DatabaseError, OSError) as error:
                problem = f"The round over the jobs failed ({type(error).__name__})"
            finally:
                connections.close_all()
            # Said once, not every five seconds.
            if problem and not troubled:
                self._say(f"{problem}; jobs wait and are tried again every {SWEEP_EVERY:.0f} s.")
            troubled = bool(problem)


def _shown(bind: str) -> str:
    return f"[{bind}]" if ":" in bind else bind


def refuse_old_database() -> None:
    """Raise CommandError when the database cannot be reached or has not all migrations."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        raise CommandError(
            f"The database cannot be reached ({type(error).__name__}): check DATABASE_URL, and that the server runs."
        ) from None
    if missing:
        raise CommandError(f"The database lacks {len(missing)} migrations: run “manage.py migrate” first.")


def refuse_old_publications() -> None:
    """Raise CommandError while publications wait to be made again: nothing could be served."""
    if remake_pending():
        raise CommandError(
            "What is published must first be made again in this version's form: run “manage.py migrate”, which goes on "
            "where it was interrupted. If it is running, wait until it has ended."
        )


def refuse_unprepared() -> None:
    """Raise CommandError when the database is migrated and what else a site needs was never made."""
    if lacking := lacking_parts():
        raise CommandError(f"This instance lacks {' and '.join(lacking)}: run “manage.py prepare_site” first.")


def refuse_taken(bind: str, port: int) -> None:
    """Raise CommandError in one sentence when nothing can listen there."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As gunicorn does: a port in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise CommandError(
                    f"Port {port} is taken by another program: stop it, or choose another port (PORT={port + 1})."
                ) from None
            if error.errno == errno.EACCES:
                raise CommandError(
                    f"Port {port} needs rights this account does not have: choose one above 1023 (PORT=8000)."
                ) from None
            raise CommandError(f"Nothing can listen on {bind} port {port}: {error.strerror}.") from None
        except OverflowError:
            raise CommandError(f"{port} is no port: choose one between 1024 and 65535 (PORT=8000).") from None


def web_service(bind: str, port: int, processes: int, threads: int) -> Service:
    """gunicorn: several processes, a few threads each, bodies streamed to the views."""
    scratch = Path("/dev/shm")  # noqa: S108 - gunicorn's heartbeat files hold nothing; memory spares the disk
    return Service(
        "web server",
        [
            sys.executable,
            "-m",
            "gunicorn",
            "config.wsgi:application",
            "--config=python:config.serving.gunicorn_settings",
            f"--bind={_shown(bind)}:{port}",
            f"--workers={processes}",
            f"--threads={threads}",
            "--timeout=120",
            "--graceful-timeout=10",
            "--keep-alive=5",
            *([f"--worker-tmp-dir={scratch}"] if scratch.is_dir() else []),
            "--no-control-socket",
            f"--chdir={settings.BASE_DIR}",
            "--logger-class=config.logging.AccessLogger",
            f"--access-logformat={ACCESS_FORMAT}",
            *(["--access-logfile=-"] if os.environ.get("CAIRN_ACCESS_LOG") else []),
            "--log-level=warning",
        ],
        {"PYTHONPATH": str(settings.BASE_DIR)},
    )


def worker_service(queue: str, number: int, wanted: Callable[[], bool]) -> Service:
    """A worker that takes one job at a time, in its own process (the ``solo`` pool: nothing to orphan)."""
    return Service(
        f"worker for {queue} jobs",
        [
            sys.executable,
            "-m",
            "celery",
            "--app=config.celery",
            f"--workdir={settings.BASE_DIR}",
            "--quiet",
            "worker",
            f"--queues={queue}",
            f"--hostname={queue}-{number}@%h",
            "--pool=solo",
            "--without-gossip",
            "--without-mingle",
            "--without-heartbeat",
            "--loglevel=WARNING",
        ],
        {"PYTHONPATH": str(settings.BASE_DIR)},
        wanted,
    )
