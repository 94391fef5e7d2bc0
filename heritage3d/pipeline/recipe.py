"""The reconstruction as one list of named steps: what each needs, and which version of it is written here.

A stage's `version` is part of its cache key: raise it with any change that changes its results.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from heritage3d.pipeline.presets import GIB, STANDARD, Preset


@dataclass(frozen=True)
class Stage:
    """One step: its name, the steps whose results it reads, and its share of a usual run's time."""

    name: str
    version: int
    needs: tuple[str, ...]
    #: Rough seconds for ten photographs on two cores; only the guess of the time left depends on it.
    usual_seconds: float
    #: Which fields of the preset change its result; the others stay out of its cache key.
    preset_fields: tuple[str, ...] = ()
    #: Resident memory its child may reach; None takes the preset's limit.
    memory_limit: int | None = None
    #: Which user files it reads besides the results it needs ("photographs", "masks", "control", "scale",
    #: and "surveyed": the control file again, where it has points enough to find the cameras with).
    user_files: tuple[str, ...] = ()


RECIPE: tuple[Stage, ...] = (
    Stage("inspect", 4, (), 8, (), 6 * GIB, ("photographs", "masks")),
    Stage("features", 2, ("inspect",), 12, ("feature_size", "max_features", "doubled_up_to")),
    Stage("matching", 3, ("inspect", "features"), 10),
    Stage("sfm", 9, ("inspect", "matching"), 20, ("texture_source_size",), None, ("surveyed",)),
    Stage("depth", 3, ("sfm",), 55, ("dense_size", "source_views")),
    Stage("fusion", 2, ("sfm", "depth"), 8, ("dense_size",)),
    Stage("surface", 2, ("sfm", "fusion"), 6, ("voxel_gsd",)),
    Stage("simplify", 3, ("sfm", "fusion", "surface"), 15, ("master_triangles", "high_triangles", "low_triangles")),
    Stage("texture", 4, ("sfm", "fusion", "simplify"), 18, ("texture_page", "texture_source_size")),
    Stage("georeference", 2, ("inspect", "sfm"), 2, (), None, ("control", "scale")),
    Stage(
        "derivatives",
        2,
        ("sfm", "fusion", "simplify", "texture", "georeference"),
        12,
        ("texture_page", "high_triangles", "low_triangles"),
    ),
    Stage(
        "validate",
        2,
        (
            "inspect",
            "matching",
            "sfm",
            "depth",
            "fusion",
            "surface",
            "simplify",
            "texture",
            "georeference",
            "derivatives",
        ),
        3,
    ),
)

#: A first look, made as soon as the cameras are known; not one of the twelve, and a run goes on without it.
PREVIEW = Stage("preview", 2, ("sfm",), 8)

STAGE_NAMES: tuple[str, ...] = tuple(stage.name for stage in RECIPE)


def stage_named(name: str) -> Stage:
    """The stage of this name. Raises KeyError."""
    for stage in (*RECIPE, PREVIEW):
        if stage.name == name:
            return stage
    raise KeyError(name)


def needed_for(last: str) -> frozenset[str]:
    """Names of the stages that must be done for the result of `last`, itself among them. Raises KeyError."""
    wanted = {stage_named(last).name}
    for stage in reversed(RECIPE):
        if stage.name in wanted:
            wanted.update(stage.needs)
    return frozenset(wanted)


@dataclass(frozen=True)
class Request:
    """What a person asked for: files in, folder out, quality."""

    inputs: tuple[Path, ...]
    out: Path
    preset: Preset = STANDARD
    masks: Path | None = None
    control: Path | None = None
    scale: Path | None = None
    deterministic: bool = False
    resume: bool = False
    start_from: str | None = None
    threads: int = field(default=2)
