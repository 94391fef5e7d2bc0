"""Public coordinates: the centre of a fixed grid cell, never random jitter (jitter averages out)."""

from __future__ import annotations

from math import cos, floor, radians

#: Edge of the grid cell in kilometres for each public precision that has a cell.
CELL_KM = {"1km": 1.0, "10km": 10.0, "100km": 100.0}
#: Kilometres per degree of latitude on a sphere of the WGS 84 mean radius.
KM_PER_DEGREE = 111.195


def public_point(latitude: float | None, longitude: float | None, precision: str) -> dict[str, float | str] | None:
    """Return ``{"latitude", "longitude", "precision"}`` for a public page, or None where only the country may show.

    The cell is fixed: rows of equal height in latitude, and in each row cells of equal width in
    longitude at the row's middle, so every point of one cell gives the same answer.

    :param latitude: degrees north. :param longitude: degrees east.
    """
    if latitude is None or longitude is None:
        return None
    if precision == "exact":
        return {"latitude": latitude, "longitude": longitude, "precision": precision}
    edge = CELL_KM.get(precision)
    if edge is None:
        return None
    height = edge / KM_PER_DEGREE
    middle = min(90.0, (floor(latitude / height) + 0.5) * height)
    width = edge / (KM_PER_DEGREE * max(0.01, cos(radians(middle))))
    centre = (floor(longitude / width) + 0.5) * width
    digits = 3 if edge <= 1 else 2
    return {"latitude": round(middle, digits), "longitude": round(centre, digits), "precision": precision}
