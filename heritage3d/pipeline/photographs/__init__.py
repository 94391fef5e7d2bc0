"""Photographs as they come from people: opened with suspicion, copied without their history, judged kindly."""
