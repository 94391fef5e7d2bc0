"""The geometry of the monument: a carved gable with a portico, a square in front of it, a tree and a bush.

Metres, z up; the facade lies in the plane y = 0 and looks towards -y. Three states tell one (invented) history:
*intact*, *damaged* (holes, a broken column, a lost pinnacle) and *destroyed* (a ragged stump of wall and rubble).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

import numpy as np

from heritage3d.pipeline.synthetic.meshes import (
    Mask,
    Mesh,
    Vector,
    box,
    grid_faces,
    join,
    leaves,
    revolved,
    rotated,
    uniform,
    with_thickness,
)
from heritage3d.pipeline.synthetic.noise import fractal_field

State = Literal["intact", "damaged", "destroyed"]
STATES: tuple[State, ...] = ("intact", "damaged", "destroyed")

HALF_WIDTH = 4.5
EAVES = 5.3
RIDGE = 6.5


class Material(IntEnum):
    STONE = 0
    PLASTER = 1
    DOOR = 2
    PAVING = 3
    LEAF = 4
    BARK = 5
    BROKEN = 6
    HEDGE = 7


#: What grows in front of the monument and is not measured.
FOLIAGE = (Material.LEAF, Material.BARK, Material.HEDGE)


def _smooth(value: Vector, low: float, high: float) -> Vector:
    """0 below `low`, 1 above `high`, smooth between."""
    s = np.clip((value - low) / (high - low), 0.0, 1.0)
    return s * s * (3 - 2 * s)


def _inside(x: Vector, z: Vector, left: float, right: float, bottom: float, top: float) -> Mask:
    return (x >= left) & (x <= right) & (z >= bottom) & (z <= top)


def _arched(x: Vector, z: Vector, middle: float, half: float, bottom: float, spring: float) -> Mask:
    """A door or window opening: straight to the spring line, a half circle above it."""
    return ((np.abs(x - middle) <= half) & (z >= bottom) & (z <= spring)) | (
        ((x - middle) ** 2 + (z - spring) ** 2 <= half**2) & (z > spring)
    )


def _ashlar(x: Vector, z: Vector) -> Vector:
    """Courses of dressed stone: joints 10 mm deep, every block a little forward or back and cushioned."""
    course = np.floor(z / 0.42)
    along = x / 0.84 + 0.5 * np.mod(course, 2) + 0.13 * np.sin(course * 12.9)
    to_joint = np.minimum(np.abs(z / 0.42 - np.round(z / 0.42)) * 0.42, np.abs(along - np.round(along)) * 0.84)
    block = np.sin(course * 127.1 + np.floor(along) * 311.7) * 43758.5453
    forward = (block - np.floor(block) - 0.5) * 0.008
    return forward - 0.010 * (1 - _smooth(to_joint, 0.004, 0.016)) + 0.004 * _smooth(to_joint, 0.0, 0.12)


def _frieze(x: Vector, z: Vector) -> Vector:
    """A carved band: rosettes between wavy stems, up to 6 cm proud."""
    u = np.mod(x + 0.3, 0.6) - 0.3
    v = z - 3.72
    r = np.hypot(u, v)
    petals = np.cos(6 * np.arctan2(v, u))
    rosette = 0.055 * (1 - _smooth(r, 0.10 + 0.05 * 0.5, 0.20)) * (0.65 + 0.35 * petals) + 0.03 * (
        1 - _smooth(r, 0.0, 0.06)
    )
    stem = 0.03 * np.exp(-(((v - 0.16 * np.sin(x * 2 * np.pi / 0.6)) / 0.028) ** 2))
    return np.maximum(rosette, stem)


def _figure(x: Vector, z: Vector) -> Vector:
    """A figure in relief in the gable: overlapping rounded masses, 24 cm proud at most, with folds."""
    out = np.zeros_like(x)
    for cx, cz, rx, rz, height in (
        (0.0, 5.02, 0.34, 0.40, 0.20),
        (0.0, 5.55, 0.15, 0.18, 0.24),
        (-0.42, 4.92, 0.18, 0.26, 0.13),
        (0.42, 4.92, 0.18, 0.26, 0.13),
    ):
        s = 1 - ((x - cx) / rx) ** 2 - ((z - cz) / rz) ** 2
        out = np.maximum(out, height * np.sqrt(np.clip(s, 0, None)))
    folds = 0.012 * np.sin(x * 38 + 6 * np.sin(z * 5)) * _smooth(out, 0.03, 0.12)
    return out + folds


def _facade_depth(x: Vector, z: Vector) -> tuple[Vector, Vector]:
    """How far the facade stands forward (metres) and what it is made of, at every (x, z)."""
    material = np.full(x.shape, int(Material.STONE))
    depth = _ashlar(x, z)
    points = np.stack([x, np.zeros_like(x), z], -1).reshape(-1, 3)
    rough = fractal_field(points, 11, 0.11, 3, 0.55).reshape(x.shape)
    depth = depth + 0.004 * rough
    for side in (-1, 1):
        panel = _inside(x * side, z, 2.75, 3.95, 0.9, 2.9)
        frame = _inside(x * side, z, 2.65, 4.05, 0.8, 3.0)
        slow = fractal_field(points, 23, 0.9, 2, 0.5).reshape(x.shape)
        depth = np.where(frame, 0.045, depth)
        depth = np.where(panel, 0.012 + 0.0012 * slow, depth)
        material = np.where(panel, int(Material.PLASTER), material)
        window = _arched(x, z, side * 2.2, 0.38, 4.42, 4.92)
        surround = _arched(x, z, side * 2.2, 0.50, 4.34, 4.92)
        depth = np.where(surround, 0.05, depth)
        slats = 0.008 * np.abs(np.sin((z - 4.4) * np.pi / 0.09))
        depth = np.where(window, -0.26 + slats, depth)
        material = np.where(window, int(Material.DOOR), material)
    band = _inside(x, z, -HALF_WIDTH, HALF_WIDTH, 3.46, 3.98)
    depth = np.where(band, 0.02 + _frieze(x, z) + 0.002 * rough, depth)
    cornice = np.clip((z - 4.02) / 0.22, 0, 1)
    profile = 0.05 + 0.15 * np.sqrt(cornice)
    depth = np.where((z > 4.02) & (z < 4.24), profile, depth)
    figure = _figure(x, z)
    depth = np.where((z > 4.3) & (figure > 0.01), np.maximum(depth, figure + 0.002 * rough), depth)
    portal = _arched(x, z, 0.0, 0.8, 0.0, 2.1)
    jamb = _arched(x, z, 0.0, 1.0, 0.0, 2.1)
    depth = np.where(jamb, 0.06 + 0.015 * np.cos(24 * np.pi * np.hypot(x, np.clip(z - 2.1, 0, None))), depth)
    panels = 0.018 * (
        _smooth(np.abs(np.mod(x, 0.38) - 0.19), 0.12, 0.15) + _smooth(np.abs(np.mod(z, 0.62) - 0.31), 0.24, 0.27)
    )
    depth = np.where(portal, -0.38 + np.clip(panels, 0, 0.018), depth)
    material = np.where(portal, int(Material.DOOR), material)
    return depth, material


def _skyline(x: Vector, state: State) -> Vector:
    """The upper edge of the wall at x: a stepped gable, or what is left of it."""
    gable = RIDGE - (RIDGE - EAVES) * np.abs(x) / HALF_WIDTH + 0.10 * (np.mod(x + 0.25, 0.5) < 0.25)
    if state != "destroyed":
        return gable
    ragged = 2.1 + 1.2 * np.sin(x * 0.9 + 0.8) + 0.45 * np.sin(x * 3.1) + 0.18 * np.sin(x * 9.7) + 0.07 * np.sin(x * 31)
    return np.minimum(gable, ragged)


def _shell_holes(x: Vector, z: Vector) -> Vector:
    """Depth of damage: bowls knocked into the wall, ragged at their edge, metres."""
    bowl = np.zeros_like(x)
    points = np.stack([x, np.zeros_like(x), z], -1).reshape(-1, 3)
    ragged = fractal_field(points, 71, 0.35, 4, 0.6).reshape(x.shape)
    for cx, cz, radius, deep in (
        (-1.9, 3.1, 0.55, 0.30),
        (3.1, 4.6, 0.75, 0.36),
        (1.25, 5.2, 0.35, 0.2),
        (2.3, 1.2, 0.3, 0.12),
    ):
        r = np.hypot(x - cx, z - cz) / radius + 0.35 * ragged
        bowl = np.maximum(bowl, deep * np.sqrt(np.clip(1 - r * r, 0, None)))
    return bowl


def _facade(state: State, spacing: float) -> Mesh:
    columns = round(2 * HALF_WIDTH / spacing) + 1
    rows = round((RIDGE + 0.2) / spacing) + 1
    x, z = np.meshgrid(np.linspace(-HALF_WIDTH, HALF_WIDTH, columns), np.linspace(0, RIDGE + 0.2, rows))
    depth, material = _facade_depth(x, z)
    if state != "intact":
        bowl = _shell_holes(x, z)
        depth = depth - bowl
        material = np.where(bowl > 0.01, int(Material.BROKEN), material)
    top = _skyline(x, state)
    keep = (z[1:, 1:] <= top[1:, 1:]) & (z[1:, :-1] <= top[1:, :-1])
    vertices = np.stack([x, -depth, z], -1).reshape(-1, 3)
    cell_material = material[:-1, :-1][keep]
    sheet = Mesh(vertices, grid_faces(rows, columns, keep), np.repeat(cell_material, 2).astype(np.uint8))
    used, compact = np.unique(sheet.faces, return_inverse=True)
    sheet = Mesh(vertices[used], compact.reshape(-1, 3).astype(np.int32), sheet.materials)
    edge = Material.STONE if state == "intact" else Material.BROKEN
    return with_thickness(sheet, np.array([0.0, 0.75, 0.0]), int(edge))


def _column(x: float, y: float, top: float, spacing: float) -> Mesh:
    """A fluted column with entasis, a base and a capital."""

    def radius(height: Vector, angle: Vector) -> Vector:
        shaft = 0.205 - 0.028 * (height / 3.0) ** 1.6 - 0.012 * np.abs(np.sin(9 * angle)) ** 0.7
        base = 0.27 - 0.02 * np.cos(height * 2 * np.pi / 0.09)
        capital = 0.20 + 0.09 * _smooth(height, 2.80, 2.98) + 0.012 * np.sin(14 * angle)
        return np.where(height < 0.18, base + 0 * angle, np.where(height > 2.80, capital, shaft))

    return revolved((x, y), 0.3, top, radius, spacing=spacing, material=int(Material.STONE))


def _thin_column(x: float, y: float, spacing: float) -> Mesh:
    def radius(height: Vector, angle: Vector) -> Vector:
        knob = 0.11**2 - (height - 2.62) ** 2
        twisted = 0.052 + 0.006 * np.sin(3 * angle + height * 22)
        return np.where(height > 2.52, np.sqrt(np.clip(knob, 1e-4, None)), twisted) + 0 * angle

    return revolved((x, y), 0.0, 2.73, radius, spacing=spacing, material=int(Material.STONE))


def _pinnacle(x: float, base: float, height: float, spacing: float) -> Mesh:
    def radius(level: Vector, angle: Vector) -> Vector:
        taper = 0.085 * (1 - (level - base) / height) + 0.012
        return taper * (1 + 0.10 * np.cos(8 * angle)) * (1 + 0.12 * np.sin((level - base) * 30))

    return revolved((x, 0.1), base - 0.1, base + height, radius, spacing=spacing, material=int(Material.STONE))


def _square(spacing: float) -> Mesh:
    """The paved square: slabs with sunk joints near the monument, plain ground beyond."""
    step = max(spacing * 3, 0.03)
    x, y = np.meshgrid(np.arange(-8, 8 + step / 2, step), np.arange(-9, 1 + step / 2, step))
    points = np.stack([x, y, np.zeros_like(x)], -1).reshape(-1, 3)
    to_joint = np.minimum(np.abs(x / 0.8 - np.round(x / 0.8)) * 0.8, np.abs(y / 0.6 - np.round(y / 0.6)) * 0.6)
    z = (
        0.02 * fractal_field(points, 5, 2.5, 2, 0.5).reshape(x.shape)
        + 0.003 * fractal_field(points, 6, 0.15, 3, 0.5).reshape(x.shape)
        - 0.014 * (1 - _smooth(to_joint, 0.01, 0.05))
    )
    near = uniform(np.stack([x, y, z], -1).reshape(-1, 3), grid_faces(*x.shape), int(Material.PAVING))
    far_x, far_y = np.meshgrid(np.linspace(-60, 60, 121), np.linspace(-40, 60, 101))
    level = np.full(far_x.shape, -0.05)
    far = uniform(np.stack([far_x, far_y, level], -1).reshape(-1, 3), grid_faces(*far_x.shape), int(Material.PAVING))
    return join([near, far])


def _foliage(spacing: float) -> Mesh:
    """A young tree left of the portal and a bush at the right, in front of the facade; a hedge far behind it."""
    rng = np.random.default_rng(20240501)
    crown = np.array([-3.35, -2.4, 2.15])
    directions = rng.normal(size=(2600, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    reach = np.array([0.75, 0.6, 0.85]) * rng.uniform(0.35, 1.0, 2600)[:, None] ** 0.5
    tree = leaves(crown + directions * reach, rng.uniform(0.05, 0.10, 2600), rng, material=int(Material.LEAF))
    around = rng.normal(size=(900, 3))
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    bush_centres = np.array([3.3, -1.5, 0.30]) + np.abs(around * [1, 1, 0]) * np.sign(around) * [0.6, 0.45, 0]
    bush_centres[:, 2] += np.abs(around[:, 2]) * 0.45 - 0.15
    bush = leaves(bush_centres, rng.uniform(0.05, 0.09, 900), rng, material=int(Material.LEAF))

    def trunk_radius(height: Vector, angle: Vector) -> Vector:
        return 0.085 - 0.02 * height + 0.006 * np.sin(5 * angle + height * 3)

    trunk = revolved((-3.35, -2.4), -0.02, 2.1, trunk_radius, spacing=max(spacing, 0.02), material=int(Material.BARK))
    hedge = box((-30, 14, -0.1), (30, 15, 1.9), spacing=0.8, material=int(Material.HEDGE))
    return join([tree, bush, trunk, hedge])


def _rubble(count: int, spread: tuple[float, float, float, float], spacing: float, seed: int) -> list[Mesh]:
    """Fallen blocks lying about between x0, x1, y0, y1."""
    rng = np.random.default_rng(seed)
    blocks = []
    for _ in range(count):
        size = rng.uniform(0.12, 0.42, 3)
        centre = np.array([rng.uniform(spread[0], spread[1]), rng.uniform(spread[2], spread[3]), 0.0])
        centre[2] = size.min() * 0.35 + 0.35 * np.exp(-((centre[1] + 0.5) ** 2) / 0.5) * rng.uniform(0, 1)
        turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        turn *= np.sign(np.linalg.det(turn))
        low, high = (centre - size / 2).tolist(), (centre + size / 2).tolist()
        block = box(low, high, spacing=max(spacing * 3, 0.04), material=int(Material.BROKEN))
        blocks.append(rotated(block, turn, centre, np.zeros(3)))
    return blocks


def build_monument(state: State = "intact", spacing: float = 0.01) -> Mesh:
    """The whole scene as one mesh; `spacing` is the edge length of the facade's cells in metres.

    Raises ValueError for an unknown state or a spacing outside 2 mm – 10 cm.
    """
    if state not in STATES:
        raise ValueError(f"unknown state {state!r}; known: {', '.join(STATES)}")
    if not 0.002 <= spacing <= 0.1:
        raise ValueError(f"spacing must lie between 0.002 and 0.1 m, not {spacing}")
    stone = int(Material.STONE)
    parts = [_facade(state, spacing), _square(spacing), _foliage(spacing)]
    parts += [
        box((-1.9, -1.35, -0.05), (1.9, 0.0, 0.15), spacing=0.05, material=stone),
        box((-1.75, -1.1, 0.15), (1.75, 0.0, 0.30), spacing=0.05, material=stone),
    ]
    column_tops: dict[State, tuple[float, float]] = {
        "intact": (3.0, 3.0),
        "damaged": (3.0, 1.4),
        "destroyed": (1.9, 0.9),
    }
    left, right = column_tops[state]
    parts += [_column(-1.35, -0.8, left, spacing), _column(1.35, -0.8, right, spacing)]
    if state == "intact":
        parts.append(box((-1.7, -1.08, 3.0), (1.7, -0.02, 3.28), spacing=0.03, material=stone))
    elif state == "damaged":
        parts.append(box((-1.7, -1.08, 3.0), (-0.2, -0.02, 3.28), spacing=0.03, material=int(Material.BROKEN)))
    if state != "destroyed":
        parts += [_thin_column(x, -0.55, spacing) for x in (-2.35, 2.35)]
        parts.append(_pinnacle(-4.3, EAVES + 0.05, 0.75, spacing))
        parts.append(_pinnacle(0.0, RIDGE, 0.9, spacing))
    if state == "intact":
        parts.append(_pinnacle(4.3, EAVES + 0.05, 0.75, spacing))
    if state == "damaged":
        parts += _rubble(24, (0.4, 3.9, -1.9, -0.7), spacing, 3)
    if state == "destroyed":
        parts += _rubble(110, (-4.2, 4.2, -2.3, -0.2), spacing, 4)
    return join(parts)
