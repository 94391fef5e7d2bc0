"""The files a person hands over: found, named and hashed here, opened only by the stages that may."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heritage3d.pipeline.recipe import Request
from heritage3d.pipeline.sealing import hash_file, hash_value
from heritage3d.pipeline.verdicts import ImpossibleInput

PHOTOGRAPH_ADVICE = (
    "Take at least five, better twenty or more overlapping photographs (each part of the building in three or more), "
    "moving sideways between shots."
)
#: Files that are no photographs and need no verdict of their own in a folder of photographs.
_BESIDE = {".txt", ".json", ".csv", ".md", ".xmp", ".html", ".camera", ".db", ".ini", ".thm"}
_BESIDE_NAMES = {"license", "readme", "thumbs.db", ".ds_store"}


@dataclass
class UserFiles:
    """What the request names, resolved to files; `digests` are content hashes by kind once `hash` ran."""

    photographs: list[tuple[str, Path]]
    masks: list[tuple[str, Path]]
    control: Path | None
    scale: Path | None
    missing: list[Path] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, request: Request) -> UserFiles:
        """Find everything; folders are searched with their subfolders, in the order of their names."""
        photographs: list[tuple[str, Path]] = []
        missing = [path for path in request.inputs if not path.exists()]
        for given in request.inputs:
            if given.is_dir():
                photographs += [(path.relative_to(given).as_posix(), path) for path in _files_below(given)]
            elif given.exists():
                photographs.append((given.name, given))
        masks: list[tuple[str, Path]] = []
        for kind in (request.masks, request.control, request.scale):
            if kind is not None and not kind.exists():
                missing.append(kind)
        if request.masks is not None and request.masks.is_dir():
            masks = [(path.relative_to(request.masks).as_posix(), path) for path in _files_below(request.masks)]
        return cls(photographs, masks, request.control, request.scale, missing)

    def check(self) -> None:
        """Raise ImpossibleInput when something named does not exist or there is nothing to look at."""
        if self.missing:
            raise ImpossibleInput(f"{self.missing[0]} does not exist.", ["Check the path."])
        if not self.photographs:
            raise ImpossibleInput("No photographs were found in what was given.", [PHOTOGRAPH_ADVICE])

    def hash(self) -> None:
        """Hash contents and names within the set; where the set lies does not matter."""
        for kind, entries in (("photographs", self.photographs), ("masks", self.masks)):
            self.digests[kind] = hash_value([[name, hash_file(path)] for name, path in entries])
        for kind, path in (("control", self.control), ("scale", self.scale)):
            self.digests[kind] = "" if path is None else hash_file(path)

    def paths_for(self, kinds: tuple[str, ...]) -> list[Path]:
        """The files behind these kinds."""
        paths: list[Path] = []
        if "photographs" in kinds:
            paths += [path.resolve() for _, path in self.photographs]
        if "masks" in kinds:
            paths += [path.resolve() for _, path in self.masks]
        paths += [path.resolve() for kind, path in self._single() if kind in kinds and path is not None]
        return paths

    def for_child(self, kinds: tuple[str, ...]) -> dict[str, Any]:
        """The same as JSON for the stage's request."""
        given: dict[str, Any] = {}
        if "photographs" in kinds:
            given["photographs"] = [[name, str(path.resolve())] for name, path in self.photographs]
        if "masks" in kinds:
            given["masks"] = [[name, str(path.resolve())] for name, path in self.masks]
        for kind, path in self._single():
            if kind in kinds:
                given[kind] = None if path is None else str(path.resolve())
        return given

    def _single(self) -> tuple[tuple[str, Path | None], ...]:
        return (("control", self.control), ("scale", self.scale))


def _files_below(folder: Path) -> list[Path]:
    """Regular files below a folder, hidden ones and papers beside the photographs left out, sorted by path."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.suffix.lower() not in _BESIDE
        and path.name.lower() not in _BESIDE_NAMES
    )
