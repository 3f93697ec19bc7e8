"""Makes the outline of the world for the Overview: `outline.py NODE_MODULES FOLDER` writes `countries.json` there.

Natural Earth's countries at 1:110,000,000 are in the public domain; the package `world-atlas` hands them on as TopoJSON, by ISO 3166-1
numbers. The result is GeoJSON by the two letters that events carry, without Antarctica, to a tenth of a degree: as a map of a
hand's width shows it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIGITS = 1
WITHOUT_NUMBER = {"Kosovo": "XK"}
"""Codes that places files use for countries to which ISO gives no number."""

LEFT_OUT = frozenset({"Antarctica"})
Point = tuple[float, float]


def arcs_of(topology: dict[str, Any]) -> list[list[Point]]:
    """The arcs in degrees: they are stored as steps on a grid."""
    (scale_x, scale_y), (from_x, from_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    found = []
    for steps in topology["arcs"]:
        x = y = 0
        line = []
        for step_x, step_y in steps:
            x, y = x + step_x, y + step_y
            line.append((round(x * scale_x + from_x, DIGITS), round(y * scale_y + from_y, DIGITS)))
        found.append(line)
    return found


def ring(numbers: list[int], arcs: list[list[Point]]) -> list[Point]:
    """One outline: arcs joined at their ends; a negative number is an arc backwards."""
    points: list[Point] = []
    for number in numbers:
        for point in arcs[number] if number >= 0 else arcs[~number][::-1]:
            if not points or points[-1] != point:
                points.append(point)
    return unwrapped(points)


def unwrapped(points: list[Point]) -> list[Point]:
    """The outline without the jump from 180 to -180 degrees: what lies beyond goes on to the east, where a flat map has room."""
    found: list[Point] = []
    turn = 0
    for x, y in points:
        if found and abs(x + turn - found[-1][0]) > 180:
            turn += 360 if x + turn < found[-1][0] else -360
        found.append((round(x + turn, DIGITS), y))
    west = min(x for x, _ in found) < -180
    return [(round(x + 360, DIGITS), y) for x, y in found] if west else found


def polygons(geometry: dict[str, Any], arcs: list[list[Point]]) -> Iterator[list[list[Point]]]:
    """Polygons that still have an area after rounding."""
    for polygon in [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]:
        rings = [found for found in (ring(each, arcs) for each in polygon) if len(found) >= 4]
        if rings:
            yield rings


def countries(topology: dict[str, Any], codes: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Features whose `name` is the code; countries without one keep their outline under their own name."""
    arcs = arcs_of(topology)
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        if name not in LEFT_OUT:
            code = codes.get(geometry.get("id", "")) or WITHOUT_NUMBER.get(name, name)
            shape = {"type": "MultiPolygon", "coordinates": list(polygons(geometry, arcs))}
            yield {"type": "Feature", "properties": {"name": code}, "geometry": shape}


def main() -> None:
    """Read the packages, write the file."""
    packages, folder = Path(sys.argv[1]), Path(sys.argv[2])
    topology = json.loads((packages / "world-atlas" / "countries-110m.json").read_text())
    codes = {number: code for code, _, number, *_ in json.loads((packages / "i18n-iso-countries" / "codes.json").read_text())}
    world = {"type": "FeatureCollection", "features": sorted(countries(topology, codes), key=lambda each: each["properties"]["name"])}
    (folder / "countries.json").write_text(json.dumps(world, separators=(",", ":"), ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
