"""Photographs onto the surface, as sharp as they are: one photograph for each face, its projection as the chart."""
