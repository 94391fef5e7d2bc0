"""The instance that the tests of this room serve for real."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection

from tests.config.served import Served

_PEOPLE = """
import django, json, sys
django.setup()
from django.conf import settings
from django.test import Client
from accounts.models import User
from tests.accounts.people import make_operator, sign_in, sign_in_with_factor
settings.ALLOWED_HOSTS = ["*"]
made = {}
for name, how in (("password", sign_in), ("factor", sign_in_with_factor)):
    client, operator = Client(), make_operator("operator-" + name)
    how(client, operator)
    made[name] = client.cookies[settings.SESSION_COOKIE_NAME].value
sys.stdout.write(json.dumps(made))
"""


@dataclass(frozen=True)
class Front:
    """A site that runs, and the sessions of two operators: one gave her second factor, one only a password."""

    site: Served
    with_factor: str
    with_password: str

    @property
    def port(self) -> int:
        return self.site.port


@pytest.fixture(scope="session")
def instance(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Served:
    """A prepared instance that nobody serves yet."""
    if connection.vendor != "sqlite":
        pytest.skip("What stands before the site is tried once, on SQLite; it knows nothing of the database.")
    made = Served(tmp_path_factory.mktemp("served") / "instance")
    made.prepare()
    return made


@pytest.fixture(scope="session")
def front(instance: Served) -> Iterator[Front]:
    """The instance, served by ``manage.py serve``."""
    sessions = json.loads(instance.run("-c", _PEOPLE))
    try:
        instance.start()
        yield Front(instance, sessions["factor"], sessions["password"])
    finally:
        instance.end()
