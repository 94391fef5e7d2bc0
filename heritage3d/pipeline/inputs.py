"""The files a person hands over: found, named and hashed here, opened only by the stages that may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heritage3d.pipeline.georeference.control import HELD_OUT_FROM, surveyed_points
from heritage3d.pipeline.recipe import Request
from heritage3d.pipeline.sealing import go_on, hash_file, hash_value
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
    #: Paths that are not what is wanted in their place, and why.
    misplaced: list[tuple[Path, str]] = field(default_factory=list)
    digests: dict[str, str] = field(default_factory=dict)
    #: The control file where it has points enough to take part in finding the cameras, once `hash` ran.
    surveyed: Path | None = None

    @classmethod
    def of(cls, request: Request) -> UserFiles:
        """Find everything; folders are searched with their subfolders, in the order of their names."""
        found: list[tuple[str, Path]] = []
        missing = [path for path in request.inputs if not path.exists()]
        for given in request.inputs:
            if given.is_dir():
                found += [(path.relative_to(given).as_posix(), path) for path in _files_below(given, request.out)]
            elif given.exists():
                found.append((given.name, given))
        misplaced = []
        for kind in (request.masks, request.control, request.scale):
            if kind is not None and not kind.exists():
                missing.append(kind)
        for kind in (request.control, request.scale):
            if kind is not None and kind.is_dir():
                misplaced.append((kind, "is a folder; a file is wanted here"))
        if request.masks is not None and request.masks.is_file():
            misplaced.append((request.masks, "is a file; the folder that holds the masks is wanted here"))
        apart = request.masks if request.masks is not None and request.masks.is_dir() else None
        together = apart is not None and any(
            given.resolve().is_relative_to(apart.resolve()) for given in request.inputs
        )
        photographs, masks = _masks_apart(found, None if together else apart, paired=together)
        if apart is not None and not together:
            masks = [(path.relative_to(apart).as_posix(), path) for path in _files_below(apart, request.out)]
        return cls(photographs, masks, request.control, request.scale, missing, misplaced)

    def check(self) -> None:
        """Raise ImpossibleInput when something named does not exist or there is nothing to look at."""
        if self.missing:
            raise ImpossibleInput(f"{self.missing[0]} does not exist.", ["Check the path."])
        if self.misplaced:
            path, why = self.misplaced[0]
            raise ImpossibleInput(f"{path} {why}.", ["Check the path."])
        if not self.photographs:
            raise ImpossibleInput("No photographs were found in what was given.", [PHOTOGRAPH_ADVICE])

    def hash(self, between: Callable[[], None] = go_on) -> None:
        """Hash contents and names within the set; where the set lies does not matter. Raises ImpossibleInput.

        `between` is called before each file and may raise to stop.
        """
        for kind, entries in (("photographs", self.photographs), ("masks", self.masks)):
            hashes = []
            for name, entry in entries:
                between()
                hashes.append([name, _readable_hash(entry)])
            self.digests[kind] = hash_value(hashes)
        if self.control is not None and surveyed_points(self.control) >= HELD_OUT_FROM:
            self.surveyed = self.control
        for kind, path in self._single():
            self.digests[kind] = "" if path is None else _readable_hash(path)

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
        return (("control", self.control), ("scale", self.scale), ("surveyed", self.surveyed))


def _readable_hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        reason = error.strerror or "it cannot be opened"
        raise ImpossibleInput(f"{path} cannot be read: {reason}.", ["Check its rights, or leave it out."]) from error


def _files_below(folder: Path, out: Path) -> list[Path]:
    """Regular files below a folder, sorted by path; without hidden ones, papers beside the photographs, and `out`,
    which people like to put among them.
    """
    return sorted(
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.suffix.lower() not in _BESIDE
        and path.name.lower() not in _BESIDE_NAMES
        and not path.resolve().is_relative_to(out)
    )


def _masks_apart(
    found: list[tuple[str, Path]], folder: Path | None, *, paired: bool
) -> tuple[list[tuple[str, Path]], list[tuple[str, Path]]]:
    """Photographs, and the masks that lie among them: all that lies in `folder`, and files named after a photograph.

    `photo.jpg.png` and `photo_mask.png` are masks of `photo.jpg` wherever they lie; `photo.png` is one only where the
    person said that masks lie among the photographs (`paired`), for it may as well be a photograph.
    """
    names = {path.name.lower() for _, path in found}
    stems = {_stem(name) for name in names if not name.endswith(".png")}
    every_stem = {_stem(name) for name in names}
    photographs: list[tuple[str, Path]] = []
    masks: list[tuple[str, Path]] = []
    for name, path in found:
        low = path.name.lower()
        after_name = low.endswith(".png") and low.removesuffix(".png") in names
        after_stem = low.endswith("_mask.png") and low.removesuffix("_mask.png") in every_stem
        in_pair = paired and low.endswith(".png") and _stem(low) in stems
        inside = folder is not None and path.resolve().is_relative_to(folder.resolve())
        (masks if after_name or after_stem or in_pair or inside else photographs).append((name, path))
    return photographs, masks


def _stem(name: str) -> str:
    return Path(name).stem
