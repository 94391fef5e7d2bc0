"""One file per stage of the recipe: read what it needs, call pure functions, store what came out."""
