"""The table that `inspect` leaves: which copy came from which file, and what is known about each.

It belongs to the protected side: it holds original names and positions. Later stages take from it what they need, and
only copies' names travel on.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

PHOTOGRAPHS_JSON = "photographs.json"
IMAGES, SKIES, MASKS = "images", "skies", "masks"


@dataclass(frozen=True)
class Photograph:
    """One usable photograph. `copy` is its anonymous name; `camera` the group of one lens at one size."""

    copy: str
    original: str
    camera: int
    width: int
    height: int
    sensor_width: int
    sensor_height: int
    orientation: int
    #: A first guess in pixels of the copy, or None where nothing is known.
    focal: float | None
    position: tuple[float, float, float | None] | None
    blur: float
    brightness: float
    has_sky: bool
    has_mask: bool
    #: How outputs call it: its original name, or its copy's where the original names its author.
    shown: str = ""


@dataclass(frozen=True)
class Refusal:
    """A file that could not be used, and why."""

    original: str
    reason: str
    #: How outputs call it.
    shown: str = ""


@dataclass(frozen=True)
class Inspection:
    """The result of `inspect`."""

    folder: Path
    photographs: tuple[Photograph, ...]
    refusals: tuple[Refusal, ...]
    advice: tuple[str, ...]

    def image(self, photograph: Photograph) -> Path:
        return self.folder / IMAGES / photograph.copy

    def sky(self, photograph: Photograph) -> Path | None:
        """The sky mask (255 = sky), if a sky was seen."""
        return self.folder / SKIES / f"{photograph.copy}.png" if photograph.has_sky else None

    def mask(self, photograph: Photograph) -> Path | None:
        """The person's own mask (255 = use), if there is one."""
        return self.folder / MASKS / f"{photograph.copy}.png" if photograph.has_mask else None

    def private_names(self) -> dict[str, str]:
        """What outputs call the files whose own names they must not tell, by original name."""
        every: list[Photograph | Refusal] = [*self.photographs, *self.refusals]
        return {each.original: each.shown for each in every if each.shown and each.shown != each.original}

    def save(self) -> None:
        content = {
            "photographs": [photograph.__dict__ for photograph in self.photographs],
            "refusals": [refusal.__dict__ for refusal in self.refusals],
            "advice": list(self.advice),
        }
        text = json.dumps(content, indent=1, ensure_ascii=False)
        (self.folder / PHOTOGRAPHS_JSON).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Inspection:
        content = json.loads((folder / PHOTOGRAPHS_JSON).read_text(encoding="utf-8"))
        photographs = tuple(
            Photograph(**{**entry, "position": tuple(entry["position"]) if entry["position"] else None})
            for entry in content["photographs"]
        )
        refusals = tuple(Refusal(**entry) for entry in content["refusals"])
        return cls(folder, photographs, refusals, tuple(content["advice"]))
