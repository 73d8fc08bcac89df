"""Neighbouring slices of the category ring have clearly different colours, in light and dark mode."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterator

import pytest

from tests.web.library import Library, client_library

Colour = tuple[float, float, float]

COLOURS = "../parts/colours.ts"
BACKGROUND = {"light": (1.0, 1.0, 1.0), "dark": (0.0091, 0.0110, 0.0130)}  # --surface in app.css, as linear sRGB
LEAST_CONTRAST = 3.0  # https://www.w3.org/WAI/WCAG22/Understanding/non-text-contrast.html
LEAST_DISTANCE = 0.1  # in OKLab; about five times the smallest difference that people notice


@pytest.fixture(scope="module")
def library() -> Iterator[Library]:
    with client_library() as running:
        yield running


def linear_srgb(css: str) -> Colour:
    """The colour that a screen shows: the matrices are those of https://bottosson.github.io/posts/oklab/."""
    found = re.fullmatch(r"oklch\((\S+) (\S+) (\S+)\)", css)
    assert found, css
    lightness, chroma, hue = map(float, found.groups())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    return (clipped(red), clipped(green), clipped(blue))


def clipped(value: float) -> float:
    return min(1.0, max(0.0, value))


def oklab(colour: Colour) -> Colour:
    red, green, blue = colour
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


def contrast(one: Colour, other: Colour) -> float:
    darker, lighter = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, other))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_all_colours_of_the_ring_differ_clearly(mode: str, library: Library) -> None:
    colours = [linear_srgb(css) for css in library(COLOURS, f"PALETTE.map((one) => one.{mode})")]
    assert min(contrast(one, BACKGROUND[mode]) for one in colours) >= LEAST_CONTRAST
    assert min(math.dist(oklab(a), oklab(b)) for a, b in itertools.combinations(colours, 2)) >= LEAST_DISTANCE


@pytest.mark.parametrize("count", [1, 2, 9, 10, 11, 21])
def test_neighbouring_slices_never_share_a_colour(count: int, library: Library) -> None:
    categories = json.dumps([f"CATEGORY_{i}" for i in range(count)])
    colours = library(COLOURS, f"[...ringColours({categories}).values()]")
    assert len(colours) == count
    assert len(set(colours)) == min(count, 10)
    if count > 1:
        assert all(a != b for a, b in itertools.pairwise([*colours, colours[0]]))


def test_a_category_has_the_colour_nearest_to_its_hue(library: Library) -> None:
    assert library(COLOURS, "[...ringColours(['FOOD_AND_DRINK']).values()]") == [
        library(COLOURS, "`light-dark(${PALETTE[0].light}, ${PALETTE[0].dark})`")
    ]
