"""Bringing texts in from outside: readers of formats, alignment, the report, the application to the archive, undo."""
