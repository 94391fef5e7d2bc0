"""Sample content: a fictional valley told by fictional people, so that a fresh archive is not empty."""
