"""Public copies of originals: re-encoded in a child, carrying nothing but the picture or the sound."""
