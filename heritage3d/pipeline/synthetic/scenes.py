"""Scenes beside the monument, each made to put one question: a turntable, a drone's grid, a panorama, targets.

Like the monument's sets they are fixed by their names. Each writes `photos/` and `truth.json`, and what goes with the
photographs (masks, control files) beside it. Cameras in `truth.json` are in the scene's own metres.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image

from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.synthetic.meshes import Mesh, Vector, box, grid_faces, join, revolved, uniform
from heritage3d.pipeline.synthetic.monument import Material, build_monument
from heritage3d.pipeline.synthetic.noise import fractal_field
from heritage3d.pipeline.synthetic.photograph import Lens, Stage, save_photograph, take_photograph
from heritage3d.pipeline.synthetic.sets import TRUTH_JSON, PhotoSet, cameras_of, looking_at, truth_of

Picture = npt.NDArray[np.uint8]

#: Scenes smaller than they stand for are told in true metres by this factor: stone has detail of a centimetre, and
#: ground seen by a drone is sampled by the decimetre.
DRONE_SCALE = 25.0
#: Where the drone flew: latitude, longitude, height of the ground.
DRONE_PLACE = (47.5, 8.5, 430.0)
#: The same place as control points have it: metres east, north (UTM zone 32) and up.
UTM = np.array([462000.0, 5260000.0, DRONE_PLACE[2]])
EARTH_RADIUS = 6378137.0


def stage_of(mesh: Mesh) -> Stage:
    """The mesh made ready, with vertices rounded as files store them."""
    return Stage(replace(mesh, vertices=mesh.vertices.astype(np.float32).astype(np.float64)))


def intrinsics(width: int, height: int, focal: float) -> Vector:
    """K of a lens whose axis misses the middle by half a percent; `focal` in units of the width."""
    return np.array([[focal * width, 0, width * 0.503], [0, focal * width, height * 0.497], [0, 0, 1.0]])


def write_truth(folder: Path, cameras: Sequence[tuple[Camera, Lens]], **more: Any) -> None:
    """`truth.json` in the form of the monument's sets."""
    entries = [truth_of(camera, lens) for camera, lens in cameras]
    (folder / TRUTH_JSON).write_text(json.dumps({"cameras": entries, **more}, indent=1), encoding="utf-8")


def true_cameras(folder: Path) -> dict[str, Camera]:
    """The cameras of `truth.json` by the names of their photographs."""
    entries = json.loads((folder / TRUTH_JSON).read_text(encoding="utf-8"))["cameras"]
    return {
        each["name"]: Camera(
            each["name"], each["width"], each["height"], np.array(each["K"]), np.array(each["R"]), np.array(each["t"])
        )
        for each in entries
    }


def seen_at(camera: Camera, lens: Lens, points: Vector) -> tuple[Vector, Vector]:
    """Distorted pixels (N, 2) and depths (N,) of points (N, 3)."""
    at = points @ camera.R.T + camera.t
    x, y = at[:, 0] / at[:, 2], at[:, 1] / at[:, 2]
    r2 = x * x + y * y
    bent = 1 + lens.k1 * r2 + lens.k2 * r2 * r2
    pixels = np.column_stack([camera.K[0, 0] * x * bent + camera.K[0, 2], camera.K[1, 1] * y * bent + camera.K[1, 2]])
    return pixels, at[:, 2]


# --- A statue on a turntable -------------------------------------------------------------------------------------


def build_statue(spacing: float) -> Mesh:
    """A figure of stone, 1.3 m tall and lumpy all round, so that no two sides of it look alike."""

    def radius(height: Vector, angle: Vector) -> Vector:
        h, a = np.broadcast_arrays(height, angle)
        around = np.stack([np.cos(a) * 0.4, np.sin(a) * 0.4, h], -1).reshape(-1, 3)
        lumps = fractal_field(around, 211, 0.45, 3, 0.55).reshape(h.shape)
        dents = fractal_field(around, 223, 0.09, 3, 0.6).reshape(h.shape)
        body = 0.30 + 0.09 * np.cos(h * 5.1) + 0.05 * np.cos(2 * a + h * 3) + 0.05 * np.cos(3 * a - h * 2)
        return np.asarray(body * (1 + 0.34 * lumps) + 0.02 * dents)

    return revolved((0.0, 0.0), 0.0, 1.3, radius, spacing=spacing, material=int(Material.STONE))


def _room() -> Mesh:
    """A wall behind the turntable and a floor under it."""
    wall = box((-3.2, 1.6, -0.6), (3.2, 1.8, 3.0), spacing=0.1, material=int(Material.STONE))
    floor = box((-3.2, -2.4, -0.5), (3.2, 1.8, -0.35), spacing=0.1, material=int(Material.PAVING))
    return join([wall, floor])


def photograph_turntable(folder: Path, count: int = 24, size: tuple[int, int] = (1200, 900)) -> None:
    """A statue turned before a fixed camera and a fixed room: `photos/`, `masks/<photo>.png` (white: the statue).

    The truth is in the frame of the statue, round which the camera seems to walk.
    """
    if (folder / TRUTH_JSON).exists():
        return
    for name in ("photos", "masks"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    lens = Lens(vignetting=0.1)
    K = intrinsics(*size, 1.5)
    eye, target = np.array([0.0, -2.6, 1.15]), np.array([0.0, 0.0, 0.62])
    fixed = looking_at("room", size, K, eye, target, 0.0)
    background, _ = take_photograph(stage_of(_room()), fixed, lens, seed=400, samples=2)
    statue = stage_of(build_statue(0.012))
    rng = np.random.default_rng(41)
    taken = []
    for index in range(count):
        turn = 2 * np.pi * index / count + rng.uniform(-0.02, 0.02)
        about = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]])
        name = f"turned-{index + 1:03d}.jpg"
        camera = looking_at(name, size, K, about @ eye, about @ target, 0.0)
        picture, depth = take_photograph(statue, camera, lens, seed=401 + index, samples=1)
        here = np.isfinite(depth)
        # Noise differs from one photograph to the next on what stands still, too.
        still = np.clip(background + rng.normal(0, 1.5, background.shape), 0, 255).astype(np.uint8)
        save_photograph(np.where(here[..., None], picture, still), folder / "photos" / name, focal_35mm=54)
        cv2.imwrite(str(folder / "masks" / f"{name}.png"), np.where(here, 255, 0).astype(np.uint8))
        taken.append((camera, lens))
    write_truth(folder, taken)


# --- A drone's grid over a village --------------------------------------------------------------------------------


def build_village(spacing: float) -> Mesh:
    """Hills and houses, 16 × 12 units: seen from above at a scale of 1 : 25 they are a village of 400 × 300 m."""
    xs = np.arange(-8.0, 8.0 + spacing / 2, spacing)
    ys = np.arange(-6.0, 6.0 + spacing / 2, spacing)
    X, Y = np.meshgrid(xs, ys)
    flat = np.stack([X, Y, np.zeros_like(X)], -1).reshape(-1, 3)
    hills = 0.22 * fractal_field(flat, 307, 5.0, 3, 0.5) + 0.015 * fractal_field(flat, 311, 0.3, 3, 0.6)
    ground = uniform(np.column_stack([flat[:, :2], hills]), grid_faces(len(ys), len(xs)), int(Material.STONE))
    rng = np.random.default_rng(31)
    houses = []
    for _ in range(42):
        x, y = rng.uniform(-7.2, 7.2), rng.uniform(-5.2, 5.2)
        wide, deep, tall = rng.uniform(0.25, 0.6), rng.uniform(0.25, 0.5), rng.uniform(0.15, 0.4)
        material = int(rng.choice([Material.PAVING, Material.STONE, Material.BROKEN]))
        houses.append(box((x, y, -0.5), (x + wide, y + deep, 0.1 + tall), spacing=0.08, material=material))
    return join([ground, *houses])


@dataclass(frozen=True)
class Flight:
    """A grid flown at `height` units above the village, looking straight down but for a gimbal's error."""

    strips: int = 5
    per_strip: int = 8
    height: float = 4.0
    span: tuple[float, float] = (8.8, 6.0)
    size: tuple[int, int] = (800, 600)
    #: Errors of the positions written into the photographs, metres (standard deviation of each axis).
    gps_metres: float = 3.0
    control_points: int = 9
    #: How exactly a person marks a point, pixels.
    mark_pixels: float = 0.3


def photograph_flight(folder: Path, flight: Flight | None = None, seed: int = 5) -> None:
    """`photos/` with noisy positions in EXIF, `gcp_list.txt` (ODM, metres east, north, up of UTM) and the truth.

    `truth.json` holds besides the cameras "scale" (true metres of a unit), "ground_height" and "points" (control).
    """
    if (folder / TRUTH_JSON).exists():
        return
    flight = flight or Flight()
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    # Cheap drones' lenses bend more than a good camera's.
    lens = Lens(k1=-0.11, k2=0.03, vignetting=0.2)
    K = intrinsics(*flight.size, 0.75)
    stage = stage_of(build_village(0.025))
    taken: list[tuple[Camera, Lens]] = []
    for strip in range(flight.strips):
        for step in range(flight.per_strip):
            along = step / (flight.per_strip - 1) - 0.5
            # Back and forth, as drones fly.
            x = flight.span[0] * (along if strip % 2 == 0 else -along) + rng.uniform(-0.06, 0.06)
            y = flight.span[1] * (strip / (flight.strips - 1) - 0.5) + rng.uniform(-0.06, 0.06)
            eye = np.array([x, y, flight.height + rng.uniform(-0.05, 0.05)])
            right = np.array([1.0, 0, 0]) * (1 if strip % 2 == 0 else -1)
            down = np.cross([0, 0, -1.0], right)
            R = _small_turn(rng.normal(0, 0.6, 3)) @ np.stack([right, down, [0, 0, -1.0]])
            name = f"flight-{len(taken) + 1:03d}.jpg"
            taken.append((Camera(name, *flight.size, K, R, -R @ eye), lens))
    marks = []
    points = _control_points(stage, flight.control_points)
    for index, (camera, lens) in enumerate(taken):
        picture, depth = take_photograph(stage, camera, lens, seed=600 + index, samples=2)
        path = folder / "photos" / camera.name
        save_photograph(picture, path, focal_35mm=27)
        noise = rng.normal(0, flight.gps_metres, 3)
        _write_position(path, camera.centre * DRONE_SCALE + noise)
        pixels, away = seen_at(camera, lens, points)
        for number, ((u, v), far) in enumerate(zip(pixels, away, strict=True)):
            if not (4 < u < camera.width - 4 and 4 < v < camera.height - 4):
                continue
            if abs(depth[int(v), int(u)] - far) < 0.02:
                u, v = np.array([u, v]) + rng.normal(0, flight.mark_pixels, 2)
                east, north, up = points[number] * DRONE_SCALE + UTM
                marks.append(f"{east:.3f} {north:.3f} {up:.3f} {u:.2f} {v:.2f} {camera.name} p{number + 1}")
    text = "+proj=utm +zone=32 +datum=WGS84 +units=m +no_defs\n" + "\n".join(marks) + "\n"
    (folder / "gcp_list.txt").write_text(text, encoding="utf-8")
    grid = np.stack(np.meshgrid(np.linspace(-5, 5, 41), np.linspace(-3.6, 3.6, 31)), -1).reshape(-1, 2)
    ground = [[x, y, z] for (x, y), z in zip(grid.tolist(), _heights(stage, grid).tolist(), strict=True)]
    write_truth(folder, taken, scale=DRONE_SCALE, points=points.tolist(), ground=ground)


def _small_turn(degrees: Vector) -> Vector:
    turn, _ = cv2.Rodrigues(np.radians(degrees))
    return np.asarray(turn, np.float64)


def _heights(stage: Stage, places: Vector) -> Vector:
    """Height of the surface seen from above at (N, 2)."""
    eye = np.array([0.0, 0.0, 50.0])
    directions = np.column_stack([places, np.zeros(len(places))]) - eye
    # From so high a ray reaches the ground within a hand's breadth of where it is aimed; twice corrects for height.
    heights = np.zeros(len(places))
    for _ in range(2):
        directions = np.column_stack([places, heights]) - eye
        _, distance = stage.light(eye, directions.astype(np.float32))
        heights = (eye + directions * distance[:, None])[:, 2]
    return heights


def _control_points(stage: Stage, count: int) -> Vector:
    """Points on the ground in a grid that reaches near the corners, (count, 3)."""
    side = round(np.sqrt(count))
    places = np.stack(np.meshgrid(np.linspace(-4.4, 4.4, side), np.linspace(-3.0, 3.0, side)), -1).reshape(-1, 2)
    return np.column_stack([places, _heights(stage, places)])


def _write_position(path: Path, metres: Vector) -> None:
    """Put a place `metres` east, north and up of the village into the photograph's EXIF."""
    latitude = DRONE_PLACE[0] + np.degrees(metres[1] / EARTH_RADIUS)
    longitude = DRONE_PLACE[1] + np.degrees(metres[0] / (EARTH_RADIUS * np.cos(np.radians(DRONE_PLACE[0]))))
    with Image.open(path) as image:
        exif = image.getexif()
        place = exif.get_ifd(ExifTags.IFD.GPSInfo)
        for tag, letters, angle in ((1, "NS", latitude), (3, "EW", longitude)):
            whole = abs(float(angle))
            minutes = whole % 1 * 60
            place[tag] = letters[0 if angle >= 0 else 1]
            place[tag + 1] = (float(int(whole)), float(int(minutes)), round(minutes % 1 * 60, 5))
        place[5], place[6] = b"\0", float(DRONE_PLACE[2] + metres[2])
        image.load()
        image.save(path, quality=92, exif=exif)


# --- From one spot, of different things, out of focus -------------------------------------------------------------


def photograph_panorama(folder: Path, count: int = 9, size: tuple[int, int] = (560, 420)) -> None:
    """The monument from one spot, the camera turned on its tripod by 7° from one photograph to the next."""
    eye = np.array([0.4, -9.0, 1.7])
    cameras = []
    for index in range(count):
        angle = np.radians(7.0 * (index - (count - 1) / 2))
        target = eye + np.array([np.sin(angle), np.cos(angle), 0.16])
        cameras.append(looking_at(f"spot-{index + 1}.jpg", size, intrinsics(*size, 1.0), eye, target, 0.0))
    _photograph_all(folder, cameras, lambda picture: picture)


def photograph_apart(folder: Path, count: int = 6, size: tuple[int, int] = (560, 420)) -> None:
    """Six places of the monument through a long lens, none of which shows what another does."""
    cameras = []
    for index in range(count):
        x, z = -3.6 + 3.6 * (index % 3), 1.2 + 2.9 * (index // 3)
        eye, target = np.array([x, -6.0, z]), np.array([x, 0.0, z])
        cameras.append(looking_at(f"apart-{index + 1}.jpg", size, intrinsics(*size, 3.2), eye, target, 0.0))
    _photograph_all(folder, cameras, lambda picture: picture)


def photograph_blurred(folder: Path) -> None:
    """A walk along the facade with the lens out of focus."""
    chosen = PhotoSet("blurred", 6, 480, 320, 1.05, arc_degrees=36.0, spacing=0.05, samples=1)

    def soften(picture: Picture) -> Picture:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 7.0), np.uint8)

    _photograph_all(folder, [camera for camera, _ in cameras_of(chosen)], soften)


def _photograph_all(folder: Path, cameras: Sequence[Camera], change: Callable[[Picture], Picture]) -> None:
    if (folder / TRUTH_JSON).exists():
        return
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    stage = stage_of(build_monument("intact", 0.03))
    lens = Lens()
    for index, camera in enumerate(cameras):
        picture, _ = take_photograph(stage, camera, lens, seed=800 + index, samples=1)
        focal = 36 * camera.K[0, 0] / camera.width
        save_photograph(change(picture), folder / "photos" / camera.name, focal_35mm=focal)
    write_truth(folder, [(camera, lens) for camera in cameras])


# --- Printed targets before the monument --------------------------------------------------------------------------


@dataclass(frozen=True)
class Board:
    """A printed target that stands upright before the facade and faces −y; `edge` is the black square's, metres."""

    name: str
    dictionary: int
    number: int
    centre: tuple[float, float, float]
    edge: float = 0.42

    def paint(self, picture: Picture, depth: npt.NDArray[np.float32], camera: Camera, lens: Lens) -> None:
        """Draw the board where it hides what is behind it; on white paper half again as large as the square."""
        modules = 10
        printed = cv2.aruco.generateImageMarker(cv2.aruco.getPredefinedDictionary(self.dictionary), self.number, 600)
        height, width = picture.shape[:2]
        fine = 3
        v, u = np.mgrid[0 : height * fine, 0 : width * fine]
        rays = np.ones((height * fine, width * fine, 3))
        x, y = lens.undistorted(
            ((u + 0.5) / fine - camera.K[0, 2]) / camera.K[0, 0], ((v + 0.5) / fine - camera.K[1, 2]) / camera.K[1, 1]
        )
        rays[..., 0], rays[..., 1] = x, y
        world = rays @ camera.R
        away = (self.centre[1] - camera.centre[1]) / world[..., 1]
        across = (camera.centre[0] + away * world[..., 0] - self.centre[0]) / self.edge
        upward = (camera.centre[2] + away * world[..., 2] - self.centre[2]) / self.edge
        reach = 0.5 + 1.5 / modules
        nearer = away < np.repeat(np.repeat(depth, fine, 0), fine, 1)
        on_paper = (np.abs(across) < reach) & (np.abs(upward) < reach) & (away > 0) & nearer
        column = np.clip(((across + 0.5) * 600).astype(int), -1, 600)
        row = np.clip(((0.5 - upward) * 600).astype(int), -1, 600)
        padded = np.pad(printed, 1, constant_values=255)
        shade = np.where(on_paper, padded[row + 1, column + 1], 0).astype(np.float32)
        cover = on_paper.astype(np.float32)
        shade, cover = (layer.reshape(height, fine, width, fine).mean((1, 3))[..., None] for layer in (shade, cover))
        picture[:] = np.round(picture * (1 - cover) + (12 + 0.82 * shade) * cover).astype(np.uint8)


BOARDS = (
    Board("36h11:5", cv2.aruco.DICT_APRILTAG_36h11, 5, (-2.3, -1.3, 1.0)),
    Board("36h11:17", cv2.aruco.DICT_APRILTAG_36h11, 17, (2.2, -1.5, 1.1)),
    Board("aruco5x5:8", cv2.aruco.DICT_5X5_100, 8, (0.2, -1.4, 0.9)),
)


def photograph_targets(folder: Path) -> None:
    """The tiny walk with three printed targets, and `distances.csv` as a person with a tape would write it."""
    if (folder / TRUTH_JSON).exists():
        return
    (folder / "photos").mkdir(parents=True, exist_ok=True)
    chosen = PhotoSet("targets", 10, 960, 640, 1.05, arc_degrees=54.0, spacing=0.03)
    stage = stage_of(build_monument("intact", chosen.spacing))
    taken = cameras_of(chosen)
    for index, (camera, lens) in enumerate(taken):
        picture, depth = take_photograph(stage, camera, lens, seed=900 + index, samples=1)
        for board in BOARDS:
            board.paint(picture, depth, camera, lens)
        # No EXIF at all, as pictures come out of messengers.
        Image.fromarray(picture).save(folder / "photos" / camera.name, quality=92)
    lines = ["from,to,metres"]
    for one, other in ((0, 1), (0, 2), (2, 1)):
        length = float(np.linalg.norm(np.subtract(BOARDS[one].centre, BOARDS[other].centre)))
        lines.append(f"{BOARDS[one].name},{BOARDS[other].name},{length:.4f}")
    (folder / "distances.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    write_truth(folder, taken)


SCENES: dict[str, Callable[[Path], None]] = {
    "turntable": photograph_turntable,
    "flight": photograph_flight,
    "panorama": photograph_panorama,
    "apart": photograph_apart,
    "blurred": photograph_blurred,
    "targets": photograph_targets,
}
