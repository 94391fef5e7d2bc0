"""What a stage is given and how it tells the outside about its progress."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from heritage3d.pipeline.presets import Preset
from heritage3d.pipeline.sealing import SealedItems


@dataclass(frozen=True)
class StageContext:
    """One execution of one stage.

    `folder` is empty or holds what an interrupted execution with the same key left; the stage fills it. `inputs` maps
    the stages it needs to their sealed folders. `metrics` maps every earlier stage to the numbers it reported. `user`
    holds the paths of user files that this stage alone may open.
    """

    folder: Path
    inputs: Mapping[str, Path]
    preset: Preset
    deterministic: bool
    threads: int
    user: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    channel: TextIO | None = None

    def progress(self, done: float, total: float) -> None:
        """Say how far the stage is."""
        self.tell({"progress": [float(done), float(total)]})

    def warn(self, text: str) -> None:
        """A sentence for the report: something was left out or is worse than it could be."""
        self.tell({"warning": text})

    def log(self, text: str) -> None:
        """A line in the stage's own log."""
        sys.stdout.write(text.rstrip() + "\n")
        sys.stdout.flush()

    def items(self) -> SealedItems:
        """The parts of this stage that survive a kill, one by one."""
        return SealedItems(self.folder)

    def tell(self, message: dict[str, Any]) -> None:
        """Send one message to the runner."""
        if self.channel is not None:
            self.channel.write(json.dumps(message) + "\n")
            self.channel.flush()
