"""Gardens to walk: a few states for a switch, or every state side by side."""

from __future__ import annotations

from tests.archive.factories import a_community
from tests.leak_matrix.planting import DOCUMENT_STATES, STATES, Garden, actors, plant


def garden_of(*states: str) -> Garden:
    """A testimony in each of these states, and everybody who could come to look."""
    community = a_community("valley")
    return Garden([plant(state, community) for state in states], actors(community), community)


def every_state() -> Garden:
    """Testimonies in every state, documents where a document may differ."""
    garden = garden_of(*STATES)
    garden.planted += [plant(state, garden.community, "document") for state in DOCUMENT_STATES]
    return garden
