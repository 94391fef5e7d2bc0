"""What a browser would send of a form that nobody has touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lxml.html
from django.http import QueryDict


def as_shown(form: Any, **changed: Sequence[str]) -> QueryDict:
    """The form as its page would send it, but for the fields in ``changed`` (a list of values each)."""
    page = lxml.html.fromstring(f"<form>{form.as_p()}</form>")
    sent = QueryDict(mutable=True)
    for name, value in page.form_values():
        sent.appendlist(name, value)
    for name, values in changed.items():
        sent.setlist(name, list(values))
    return sent


def sent_by(page: str, field: str = "seen") -> dict[str, Any]:
    """What the form of a page that has this field would send."""
    form = next(form for form in lxml.html.fromstring(page).forms if field in form.fields)
    sent: dict[str, Any] = {}
    for name, value in form.form_values():
        sent.setdefault(name, []).append(value)
    return sent
