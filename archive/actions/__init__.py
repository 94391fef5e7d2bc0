"""Verbs that change the state of the world: each a class with ``check()`` and ``execute()``."""
