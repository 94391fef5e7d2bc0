"""Settings of an instance whose workers are killed: short leases, and one guard taken out where a test says so."""

from config.settings import *  # noqa: F403 - a settings module is the sum of the other and these changes

JOBS_LEASE_SECONDS = 3.0
VAULT_RESERVE_BYTES = 1
INSTALLED_APPS = [*INSTALLED_APPS, "tests.archive.killed.apps.SabotageConfig"]  # noqa: F405
