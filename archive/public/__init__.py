"""The public side: views over publications. Nothing here may import the record side; a test holds it."""
