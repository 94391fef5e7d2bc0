"""JSON: the publication as it stands, complete.

Whoever holds it can check it: take ``revision.hash`` out, write the rest as JSON with sorted keys, without spaces and
escapes, in UTF-8; its SHA-256 is that hash.
"""

from __future__ import annotations

import json

from django.utils.translation import gettext_lazy as _

from archive.interchange.forms import Export
from archive.interchange.passages import Payload


def write_json(payload: Payload, language: str = "") -> bytes | None:
    """Return the whole payload; the language makes no difference, a publication is one thing."""
    return (json.dumps(payload, ensure_ascii=False, indent=1, sort_keys=True) + "\n").encode()


EXPORT = Export(_("Everything (JSON)"), "application/json", "json", write_json, lambda _payload: True)
