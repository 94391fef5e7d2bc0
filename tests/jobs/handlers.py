"""Handlers that the tests of this room put into real workers."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from typing import Any

from django.db import connection

from jobs import registry
from jobs.context import JobContext
from jobs.errors import JobFailed


def staged(context: JobContext) -> dict[str, Any]:
    """Three stages, each one committed line in a table; the second one waits where the test says."""
    folder = Path(context.input["folder"])
    for name in ("lire", "读", "اقرأ"):
        context.once(name, partial(_write_effect, context, name), atomic=True)
        if name == "读" and context.attempt == 1:
            (folder / "waiting").write_text(str(os.getpid()))
            while not (folder / "go").exists():
                time.sleep(0.02)
    with (folder / "passes").open("a") as file:
        file.write("end\n")
    return {"attempt": context.attempt}


def _write_effect(context: JobContext, name: str) -> str:
    context.log(f"stage {name}")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO jobs_effect (job, stage) VALUES (%s, %s)", [str(context.job_id), name])
    return name


def quick(context: JobContext) -> dict[str, Any]:
    return {"echo": context.input}


def deaf(context: JobContext) -> None:
    """Never asks its context anything."""
    Path(context.input["folder"], "waiting").write_text("deaf")
    while True:
        time.sleep(0.05)


def mother(context: JobContext) -> dict[str, Any]:
    """Runs a child that writes its process id and sleeps."""
    folder = Path(context.input["folder"])
    (folder / "waiting").write_text("mother")
    context.run_child(["sleep", "61"], sandbox=False)
    return {}


def deadly(context: JobContext) -> None:
    """Takes its worker down."""
    os.kill(os.getpid(), signal.SIGKILL)


def refused(context: JobContext) -> None:
    raise JobFailed("too-dark", "The photograph “Աղջիկ.jpg” is too dark: take it again in daylight.")


def register_all() -> None:
    for handler in (staged, quick, deaf, mother, deadly, refused):
        registry.register(f"test.{handler.__name__}", handler)
