"""Gardens to walk: a few states for a switch, or everything side by side."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.archive.factories import a_community
from tests.leak_matrix.links import hand_out
from tests.leak_matrix.order import plant_order
from tests.leak_matrix.people import plant_people
from tests.leak_matrix.planting import DOCUMENT_STATES, PLANTERS, STATES, Garden, Planted, actors, plant
from tests.leak_matrix.redactions import plant_redactions
from tests.leak_matrix.seals import plant_seals

#: Ways of hiding in works that are public for the rest.
CASES: tuple[Callable[[Any], list[Planted]], ...] = (plant_people, plant_seals, plant_redactions, plant_order)


def garden_of(*states: str) -> Garden:
    """A testimony in each of these states, and everybody who could come to look."""
    return hand_out(_states(*states))


def garden_with(*cases: Callable[[Any], list[Planted]]) -> Garden:
    """What these ways of hiding plant."""
    garden = _states()
    garden.planted += [planted for case in cases for planted in case(garden.community)]
    return hand_out(garden)


def every_state() -> Garden:
    """Testimonies in every state, documents where a document may differ."""
    return hand_out(_every_state())


def whole_garden() -> Garden:
    """Every state and every case, side by side."""
    garden = _every_state()
    garden.planted += [planted for case in CASES for planted in case(garden.community)]
    return hand_out(garden)


def _states(*states: str) -> Garden:
    community = a_community("valley")
    return Garden([plant(state, community) for state in states], actors(community), community)


def _every_state() -> Garden:
    garden = _states(*STATES)
    garden.planted += [plant(state, garden.community, "document") for state in DOCUMENT_STATES]
    garden.planted += [plant(state, garden.community, kind) for kind in PLANTERS for state in STATES]
    return garden
