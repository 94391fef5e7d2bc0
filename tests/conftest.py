"""What every test shares: an instance of its own in a temporary folder, never the developer's."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

# Before Django reads its settings: the tests own a fresh instance and no variable of the shell.
_instance = tempfile.mkdtemp(prefix="cairn-test-")
os.environ["CAIRN_DATA"] = _instance
os.environ["CAIRN_MODE"] = "development"
for _name in ("SECRET_KEY", "PUBLIC_URL", "DEBUG"):
    os.environ.pop(_name, None)

#: Real material to test against, beside a developer's or CI's checkout; absent elsewhere.
SHARED = Path(os.environ.get("CAIRN_SHARED", Path(__file__).resolve().parent.parent.parent / "shared"))
