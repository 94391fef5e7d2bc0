"""Where the admin lies: one constant, so that no request can have a say in it.

``reverse()`` answers with whatever prefix the server believes the site to stand under, and a header may have
told it. What guards the admin therefore never asks it.
"""

from __future__ import annotations

import re

ADMIN_ROOT = "/admin/"

_SLASHES = re.compile(r"/{2,}")


def is_admin_path(path: str) -> bool:
    """Say whether ``path`` (``request.path_info``) lies in the admin.

    Wider than the addresses that exist: a spelling that some proxy, router or later version might take for the
    admin (``//admin/``, ``/Admin/``) is guarded like it.
    """
    plain = _SLASHES.sub("/", path).lower()
    return plain.startswith(ADMIN_ROOT) or plain == ADMIN_ROOT.rstrip("/")
