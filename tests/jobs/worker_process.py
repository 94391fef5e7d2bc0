"""A worker in a process of its own: ``python -m tests.jobs.worker_process LEASE_SECONDS (visit ID | celery ARGS…)``."""

from __future__ import annotations

import os
import sys

import django


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.conf import settings

    from tests.jobs.handlers import register_all

    settings.JOBS_LEASE_SECONDS = float(arguments[0])
    register_all()
    if arguments[1] == "visit":
        from jobs.worker import visit

        state = visit(arguments[2])
        sys.stdout.write(str(state))
    else:
        from config.celery import app

        app.worker_main(arguments[2:])


if __name__ == "__main__":
    main(sys.argv[1:])
