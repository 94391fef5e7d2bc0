"""The reconstruct command as people start it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
#: Whose name stands in every photograph of the tiny set, and must stand in no output.
PHOTOGRAPHER = "Ana Horvat"


def command(photos: Path, out: Path, *more: str) -> list[str]:
    """Its words, in draft."""
    return [sys.executable, "manage.py", "reconstruct", str(photos), "--out", str(out), "--preset", "draft", *more]


def reconstruct(photos: Path, out: Path, *more: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run it to its end; `settings` are added to the environment."""
    environment = {**os.environ, **settings}
    return subprocess.run(
        command(photos, out, *more), cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
