"""One figure of a benchmark, as one line of JSON."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Figure:
    """What was measured, what it should be, and what something plain does in the same run.

    :param target: ``(comparison, bound, of)``, such as ``(">=", 10, "ratio")``; ``of`` is ``value`` or ``ratio``.
    :param baseline: the same quantity of the plain thing, or None where there is nothing plain to compare with.
    :param ratio: how many times better than the baseline (always: more is better), or None.
    :param more: further members of the line.
    """

    name: str
    value: float
    unit: str
    target: tuple[str, float, str] | None = None
    baseline: float | None = None
    ratio: float | None = None
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool | None:
        """Whether the target is met; None without a target."""
        if self.target is None:
            return None
        comparison, bound, of = self.target
        measured = self.value if of == "value" else self.ratio
        if measured is None:
            return False
        return measured >= bound if comparison == ">=" else measured <= bound

    def as_dict(self) -> dict[str, Any]:
        """The figure as JSON; ``load`` is the machine's load average, since others may be at work on it."""
        target = None if self.target is None else f"{self.target[2]} {self.target[0]} {self.target[1]:g}"
        return {
            "figure": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "target": target,
            "baseline": None if self.baseline is None else round(self.baseline, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 2),
            "ok": self.ok,
            **self.more,
            "load": round(os.getloadavg()[0], 1),
        }

    def print(self) -> None:
        print(json.dumps(self.as_dict(), ensure_ascii=False), flush=True)
