"""What one instance owns besides its settings: the secrets it made for itself."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def instance_secret(data: Path, name: str) -> str:
    """Return the instance's secret ``name``, making it on first use.

    The file lies in ``CAIRN_DATA/secrets`` with mode 0600. Two processes that start together agree:
    the first to link its file wins, the other reads it.
    """
    folder = data / "secrets"
    path = folder / name
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = folder / f".{name}.{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text().strip()
