"""Passwords that cost little: hashing is not what these tests are about (``test_sign_in`` has the one that is)."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(autouse=True)
def cheap_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["tests.accounts.people.CheapArgon2", *settings.PASSWORD_HASHERS[1:]]
