"""The three qualities a person can choose from, as plain numbers that every stage is handed."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Preset:
    """How much care a run takes. Sizes are in pixels of the longer side, lengths in multiples of the matched GSD."""

    name: str
    #: SIFT runs on photographs reduced to this size.
    feature_size: int
    max_features: int
    #: … doubled before, where there are no more photographs than this. On eight of the fountain that finds 2.8 times
    #: the observations in 2.6 times the processor time up to the cameras; matching all pairs grows with its square.
    doubled_up_to: int
    #: PatchMatch matches at this size.
    dense_size: int
    #: Source views tried for each photograph.
    source_views: int
    #: Colour is taken from photographs of at least this size, where they have it.
    texture_source_size: int
    texture_page: int
    voxel_gsd: float
    #: Triangles of the master model and of the two derivatives.
    master_triangles: int
    high_triangles: int
    low_triangles: int
    #: Resident memory a stage's child may reach, in bytes.
    memory_limit: int


GIB = 1024**3

DRAFT = Preset("draft", 1200, 6000, 0, 800, 4, 2000, 4096, 1.5, 500_000, 250_000, 40_000, 4 * GIB)
STANDARD = Preset("standard", 1600, 8192, 50, 1600, 5, 3000, 4096, 1.25, 600_000, 500_000, 50_000, 6 * GIB)
FINE = Preset("fine", 2400, 12000, 50, 2400, 6, 4000, 4096, 1.0, 4_000_000, 500_000, 60_000, 12 * GIB)

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (DRAFT, STANDARD, FINE)}


def preset_numbers(preset: Preset) -> dict[str, object]:
    """The preset as JSON-able numbers, for cache keys and the report."""
    return asdict(preset)
