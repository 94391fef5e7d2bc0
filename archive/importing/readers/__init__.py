"""One file for each format that can be imported.

A module here that has a ``READER`` (see `archive.importing.formats.Reader`) is found by itself: to add a format,
add one file.
"""
