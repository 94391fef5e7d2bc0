"""Which photographs are taken of the monument: the frozen sets that figures and tests refer to by name."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from heritage3d.pipeline.scene import Camera
from heritage3d.pipeline.synthetic import MONUMENT_VERSION
from heritage3d.pipeline.synthetic.meshes import Vector
from heritage3d.pipeline.synthetic.monument import State, build_monument
from heritage3d.pipeline.synthetic.photograph import Lens, Stage, save_photograph, take_photograph

TRUTH_JSON = "truth.json"
TRUTH_NPZ = "truth.npz"


@dataclass(frozen=True)
class PhotoSet:
    """A walk along the facade: `count` photographs in `rows` heights over an arc, all from one lens."""

    name: str
    count: int
    width: int
    height: int
    #: Focal length in units of the width.
    focal: float
    rows: int = 2
    arc_degrees: float = 66.0
    distance: float = 8.9
    #: Edge length of the facade's cells, metres.
    spacing: float = 0.01
    samples: int = 2
    #: The files have so many times more pixels along each side than were rendered.
    enlarged: int = 1

    def stamp(self) -> dict[str, object]:
        """What tells whether photographs on disk are of this set; a field at its default says nothing."""
        fields = asdict(self)
        if self.enlarged == 1:
            del fields["enlarged"]
        return fields


SETS: dict[str, PhotoSet] = {
    chosen.name: chosen
    for chosen in (
        PhotoSet("sixteen", 16, 2400, 1600, 1.05),
        PhotoSet("eight", 8, 3072, 2048, 1.05, arc_degrees=48.0),
        PhotoSet("tiny", 10, 672, 448, 1.05, arc_degrees=54.0, spacing=0.025),
        # Draft looks at no more than 2000 pixels of a photograph; 3000 are rendered, the files have 24 Mpx.
        PhotoSet("large", 120, 6000, 4000, 1.05, rows=4, arc_degrees=100.0, samples=1, enlarged=2),
    )
}


def looking_at(name: str, size: tuple[int, int], K: Vector, eye: Vector, target: Vector, roll: float) -> Camera:
    """A camera at `eye` that looks at `target` with the world's z up, turned by `roll` radians about its axis."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    R = np.stack([right, down, forward])
    turn = np.array([[np.cos(roll), np.sin(roll), 0], [-np.sin(roll), np.cos(roll), 0], [0, 0, 1]])
    R = turn @ R
    return Camera(name, size[0], size[1], K, R, -R @ eye)


def cameras_of(chosen: PhotoSet) -> list[tuple[Camera, Lens]]:
    """The set's cameras and lenses in walking order; fixed by the set's name alone."""
    rng = np.random.default_rng(sum(chosen.name.encode()) * 7919)
    focal = chosen.focal * chosen.width
    shift = np.array([0.006, -0.004]) * chosen.width
    K = np.array([[focal, 0, chosen.width / 2 + shift[0]], [0, focal, chosen.height / 2 + shift[1]], [0, 0, 1.0]])
    taken = []
    per_row = int(np.ceil(chosen.count / chosen.rows))
    for index in range(chosen.count):
        row, column = index % chosen.rows, index // chosen.rows
        share = (column + 0.5 * (row % 2)) / max(per_row - 0.5, 1) - 0.5
        angle = np.radians(chosen.arc_degrees * share + rng.uniform(-1, 1))
        away = chosen.distance * rng.uniform(0.94, 1.06)
        height = 1.65 + 1.9 * row / max(chosen.rows - 1, 1) + rng.uniform(-0.1, 0.1)
        eye = np.array([away * np.sin(angle), -0.2 - away * np.cos(angle), height])
        aim = 2.6 + 1.5 * row / max(chosen.rows - 1, 1) + rng.uniform(-0.2, 0.2)
        target = np.array([rng.uniform(-0.5, 0.5) + 0.9 * np.sin(angle), -0.3, aim])
        name = f"{chosen.name}-{index + 1:03d}.jpg"
        camera = looking_at(name, (chosen.width, chosen.height), K, eye, target, np.radians(rng.uniform(-2.5, 2.5)))
        taken.append((camera, Lens(exposure=float(rng.uniform(-0.5, 0.5)))))
    return taken


def truth_of(camera: Camera, lens: Lens) -> dict[str, object]:
    """A photograph's entry in `truth.json`: its camera (world to camera, OpenCV axes) and what its lens did."""
    return {
        "name": camera.name,
        "width": camera.width,
        "height": camera.height,
        "K": camera.K.tolist(),
        "R": camera.R.tolist(),
        "t": camera.t.tolist(),
        "k1": lens.k1,
        "k2": lens.k2,
        "exposure": lens.exposure,
    }


def photograph_set(
    chosen: PhotoSet, folder: Path, *, state: State = "intact", keep_depth: bool = False, with_exif: bool = True
) -> None:
    """Take all photographs of a set into `folder/photos` and write the truth beside them.

    `folder/truth.json` holds the cameras, `truth.npz` the surface (vertices, faces, materials); with `keep_depth` also
    `depth/<name>.npy` (float32, metres along the axis, distorted frame). A set that is complete is not taken again.
    """
    stamp = {"version": MONUMENT_VERSION, "state": state, "set": chosen.stamp(), "depth": keep_depth, "exif": with_exif}
    truth_file = folder / TRUTH_JSON
    if truth_file.exists() and json.loads(truth_file.read_text(encoding="utf-8"))["made_by"] == stamp:
        return
    photos = folder / "photos"
    photos.mkdir(parents=True, exist_ok=True)
    mesh = build_monument(state, chosen.spacing)
    np.savez(
        folder / TRUTH_NPZ,
        vertices=mesh.vertices.astype(np.float32),
        faces=mesh.faces,
        materials=mesh.materials,
    )
    stage = Stage(replace(mesh, vertices=mesh.vertices.astype(np.float32).astype(np.float64)))
    entries = []
    for index, (camera, lens) in enumerate(cameras_of(chosen)):
        picture, depth = take_photograph(
            stage, camera.fitted(chosen.width // chosen.enlarged), lens, seed=1000 + index, samples=chosen.samples
        )
        if chosen.enlarged > 1:
            size = (chosen.width, chosen.height)
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)
        save_photograph(picture, photos / camera.name, focal_35mm=chosen.focal * 36 if with_exif else None)
        if keep_depth:
            (folder / "depth").mkdir(exist_ok=True)
            np.save(folder / "depth" / f"{camera.name}.npy", depth)
        entries.append(truth_of(camera, lens))
    truth_file.write_text(json.dumps({"made_by": stamp, "cameras": entries}, indent=1), encoding="utf-8")
