"""The user model. What a user may do is decided in ``archive/policy.py``, from memberships and grants."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser


class User(AbstractUser):
    """A person who signs in: a reader, a teacher, an editor, an operator."""
