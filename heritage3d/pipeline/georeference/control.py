"""Reading what people measured: distances between points, and points with coordinates marked in photographs.

Forms: a distance file (CSV: from, to, metres), ODM's `gcp_list.txt`, a CSV with a header, OpenSfM's JSON. Every line
that cannot be used is named with its number; the others count.
"""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

LARGEST_FILE = 8 * 1024**2
#: WGS 84: semi-major axis in metres and first eccentricity squared.
_AXIS, _ECCENTRICITY2 = 6378137.0, 6.69437999014e-3


@dataclass(frozen=True)
class Distance:
    """Metres between two points named by the person or by a coded target; `other` "size" means the target's edge."""

    one: str
    other: str
    metres: float


@dataclass(frozen=True)
class Mark:
    """A point seen in a photograph, in pixels of the original file, or in normalised units of OpenSfM."""

    point: str
    image: str
    u: float
    v: float
    normalised: bool = False


@dataclass
class Control:
    """Everything read. Coordinates are metres in a local frame whose origin stays in `world`."""

    distances: list[Distance] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    coordinates: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    checks: set[str] = field(default_factory=set)
    #: Where the local frame lies: protected, never in a public file.
    world: dict[str, object] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


#: From so many points with coordinates on every third is held out as a check, unless the person says which.
HELD_OUT_FROM = 6


def check_points(control: Control) -> frozenset[str]:
    """Names of the points that nothing is fitted to: those the person names, else every third of six or more."""
    if control.checks:
        return frozenset(control.checks)
    names = sorted(control.coordinates)
    return frozenset(names[2::3]) if len(names) >= HELD_OUT_FROM else frozenset()


def surveyed_points(path: Path) -> int:
    """How many points of a control file have coordinates; 0 where it cannot be read (its stage says why)."""
    control = Control()
    try:
        read_control(path, control)
    except (OSError, ValueError):
        return 0
    return len(control.coordinates)


def read_text(path: Path) -> str:
    """A text file in UTF-8, or Windows' Latin where it is not. Raises ValueError when it is far too large."""
    if path.stat().st_size > LARGEST_FILE:
        raise ValueError(f"{path.name} is larger than a list of points can be")
    data = path.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def read_distances(path: Path, control: Control) -> None:
    """Add a distance file: `from,to,metres` a line, `#` begins a comment, a header is allowed."""
    for number, row in enumerate(csv.reader(io.StringIO(_commas(read_text(path)))), start=1):
        cells = [cell.strip() for cell in row]
        if not cells or not cells[0] or cells[0].startswith("#"):
            continue
        metres = _number(cells[2]) if len(cells) > 2 else None
        if metres is None or metres <= 0:
            if number > 1 or len(cells) < 3:
                control.problems.append(f"{path.name}, line {number}: expected from,to,metres")
            continue
        control.distances.append(Distance(cells[0], cells[1], metres))


def read_control(path: Path, control: Control) -> None:
    """Add control points in any of the known forms, told apart by what the file holds."""
    text = read_text(path)
    if path.suffix.lower() == ".json":
        _read_opensfm(text, path.name, control)
    elif _has_header(text):
        _read_table(text, path.name, control)
    else:
        _read_gcp_list(text, path.name, control)


def _commas(text: str) -> str:
    """Semicolons and tabs, as spreadsheets in many countries write them, become commas."""
    return text.replace(";", ",").replace("\t", ",")


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _has_header(text: str) -> bool:
    first = _commas(text.lstrip().split("\n", 1)[0]).lower().split(",")
    return {"image", "u", "v"} <= {cell.strip() for cell in first}


def _read_table(text: str, name: str, control: Control) -> None:
    """CSV with a header: point, image, u, v and, on any line of the point, x, y, z (metres); role may be "check"."""
    for number, raw in enumerate(csv.DictReader(io.StringIO(_commas(text))), start=2):
        row = {(key or "").strip().lower(): (value or "").strip() for key, value in raw.items() if key is not None}
        point = row.get("point") or row.get("name") or ""
        u, v = _number(row.get("u", "")), _number(row.get("v", ""))
        if not point or not row.get("image") or u is None or v is None:
            control.problems.append(f"{name}, line {number}: expected point, image, u and v")
            continue
        control.marks.append(Mark(point, row["image"], u, v))
        numbers = [_number(row.get(axis, "")) for axis in ("x", "y", "z")]
        if all(value is not None for value in numbers):
            control.coordinates[point] = (numbers[0] or 0.0, numbers[1] or 0.0, numbers[2] or 0.0)
        if row.get("role", "").lower() == "check":
            control.checks.add(point)
    _localise(control, "metres as given")


def _read_gcp_list(text: str, name: str, control: Control) -> None:
    """ODM: a line with the coordinate system, then `x y z u v image [name]`."""
    lines = text.splitlines()
    system = lines[0].strip() if lines else ""
    geographic = "4326" in system or system.upper() in ("WGS84", "EPSG:4326") or "+proj=longlat" in system
    by_place: dict[tuple[float, float, float], str] = {}
    for number, line in enumerate(lines[1:], start=2):
        cells = _commas(line).replace(",", " ").split()
        if not cells or cells[0].startswith("#"):
            continue
        numbers = [_number(cell) for cell in cells[:5]]
        if len(cells) < 6 or any(value is None for value in numbers):
            control.problems.append(f"{name}, line {number}: expected x y z u v image")
            continue
        x, y, z, u, v = (value or 0.0 for value in numbers)
        point = cells[6] if len(cells) > 6 else by_place.setdefault((x, y, z), f"gcp-{len(by_place) + 1}")
        control.marks.append(Mark(point, cells[5], u, v))
        control.coordinates[point] = (x, y, z)
    if geographic:
        _to_local(control, {key: (y, x, z) for key, (x, y, z) in control.coordinates.items()})
    else:
        _localise(control, system)


def _read_opensfm(text: str, name: str, control: Control) -> None:
    """OpenSfM's `ground_control_points.json`: latitude and longitude, marks in normalised image coordinates."""
    try:
        points = json.loads(text)["points"]
    except (ValueError, KeyError, TypeError):
        control.problems.append(f"{name}: not a list of ground control points")
        return
    geographic: dict[str, tuple[float, float, float]] = {}
    for number, point in enumerate(points, start=1):
        try:
            identity = str(point["id"])
            place = point.get("position")
            if place is not None:
                height = float(place.get("altitude", 0.0))
                geographic[identity] = (float(place["latitude"]), float(place["longitude"]), height)
            for seen in point["observations"]:
                u, v = (float(value) for value in seen["projection"])
                control.marks.append(Mark(identity, str(seen["shot_id"]), u, v, normalised=True))
            if point.get("role") == "check":
                control.checks.add(identity)
        except (KeyError, TypeError, ValueError, AttributeError):
            control.problems.append(f"{name}, point {number}: cannot be read")
    _to_local(control, geographic)


def _localise(control: Control, system: str) -> None:
    """Projected coordinates are too large for the numbers models are stored in: their whole metres go to `world`."""
    if not control.coordinates:
        return
    origin = np.floor(np.mean(list(control.coordinates.values()), axis=0))
    control.world = {"system": system, "origin": origin.tolist()}
    for point, place in control.coordinates.items():
        x, y, z = (np.asarray(place) - origin).tolist()
        control.coordinates[point] = (x, y, z)


def _to_local(control: Control, geographic: dict[str, tuple[float, float, float]]) -> None:
    """Latitude, longitude and height to metres east, north and up of their middle."""
    if not geographic:
        return
    origin = np.mean(list(geographic.values()), axis=0)
    local = east_north_up(np.array(list(geographic.values())), origin)
    control.coordinates = {
        point: (row[0], row[1], row[2]) for point, row in zip(geographic, local.tolist(), strict=True)
    }
    control.world = {"system": "EPSG:4979", "origin": origin.tolist()}


def east_north_up(places: npt.NDArray[np.float64], origin: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Metres (N, 3) east, north and up of `origin`, for latitude, longitude (degrees) and height (N, 3) on WGS 84."""
    at, centre = _earth_centred(places), _earth_centred(origin[None])[0]
    latitude, longitude = np.radians(origin[0]), np.radians(origin[1])
    sin_a, cos_a, sin_o, cos_o = np.sin(latitude), np.cos(latitude), np.sin(longitude), np.cos(longitude)
    axes = np.array(
        [[-sin_o, cos_o, 0], [-sin_a * cos_o, -sin_a * sin_o, cos_a], [cos_a * cos_o, cos_a * sin_o, sin_a]]
    )
    return np.asarray((at - centre) @ axes.T)


def _earth_centred(places: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    latitude, longitude, height = np.radians(places[:, 0]), np.radians(places[:, 1]), places[:, 2]
    radius = _AXIS / np.sqrt(1 - _ECCENTRICITY2 * np.sin(latitude) ** 2)
    return np.column_stack(
        [
            (radius + height) * np.cos(latitude) * np.cos(longitude),
            (radius + height) * np.cos(latitude) * np.sin(longitude),
            (radius * (1 - _ECCENTRICITY2) + height) * np.sin(latitude),
        ]
    )
