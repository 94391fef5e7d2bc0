"""What the makers of derivatives share: the thing made, and the refusal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jobs.children import Finished

#: Runs a child with limits: :func:`jobs.children.run` or a job context's ``run_child``.
RunChild = Callable[..., Finished]


@dataclass(frozen=True)
class Variant:
    """What tells derivatives of one kind and original apart.

    ``rung`` is empty for what every audience of the publication gets alike; ``size`` is a longest side or width in
    pixels, or a number of bars.
    """

    codec: str
    size: int | None = None
    rung: str = ""

    def __str__(self) -> str:
        parts = {"rung": self.rung, "size": self.size, "codec": self.codec}
        return ";".join(f"{name}={value}" for name, value in parts.items() if value)


@dataclass(frozen=True)
class Made:
    """One derivative, still in the folder it was made in. ``technical`` goes to its row and to players."""

    kind: str
    variant: Variant
    path: Path
    media_type: str
    technical: dict[str, Any] = field(default_factory=dict)


class NotDerivable(Exception):
    """No public copy can be made of this original; the text says why in a sentence without names."""


def explain(finished: Finished, what: str) -> NotDerivable:
    """Why a child ended without its work done."""
    reasons = {
        "time": "it took too long",
        "memory": "it asked for too much memory",
        "output": "it said too much",
        "processes": "it started too many processes",
        "stopped": "it was stopped",
    }
    said = finished.stderr.decode("utf-8", "replace").strip().splitlines()
    reason = reasons.get(finished.verdict) or (
        said[-1][:300] if said else f"the decoder ended with {finished.exit_code}"
    )
    return NotDerivable(f"No public copy could be made of this {what}: {reason}.")
