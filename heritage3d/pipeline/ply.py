"""Points and triangles as binary PLY files (G. Turk: The PLY polygon file format, 1994)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt


def write_ply(
    path: Path,
    vertices: npt.NDArray[np.floating],
    faces: npt.NDArray[np.integer] | None = None,
    *,
    normals: npt.NDArray[np.floating] | None = None,
    colours: npt.NDArray[np.uint8] | None = None,
) -> None:
    """Write `vertices` (N, 3) as 32-bit floats, with `normals` (N, 3), `colours` (N, 3) RGB and `faces` (M, 3).

    Raises ValueError when lengths differ.
    """
    fields: list[tuple[str, str]] = [(axis, "<f4") for axis in "xyz"]
    columns: list[npt.NDArray[np.generic]] = [vertices[:, axis] for axis in range(3)]
    for values, names, kind in ((normals, ("nx", "ny", "nz"), "<f4"), (colours, ("red", "green", "blue"), "u1")):
        if values is None:
            continue
        if len(values) != len(vertices):
            raise ValueError(f"{len(values)} {names[0]} values for {len(vertices)} vertices")
        fields += [(name, kind) for name in names]
        columns += [values[:, axis] for axis in range(3)]
    rows = np.empty(len(vertices), np.dtype(fields))
    for (name, _), column in zip(fields, columns, strict=True):
        rows[name] = column
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(vertices)}"]
    header += [f"property {'uchar' if kind == 'u1' else 'float'} {name}" for name, kind in fields]
    triangles = np.empty(0 if faces is None else len(faces), np.dtype([("count", "u1"), ("corner", "<i4", (3,))]))
    if faces is not None:
        triangles["count"] = 3
        triangles["corner"] = faces
        header += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    with path.open("wb") as file:
        file.write(("\n".join([*header, "end_header"]) + "\n").encode("ascii"))
        rows.tofile(file)
        triangles.tofile(file)
