"""Scale, up and position: one similarity from the frame of the cameras, found here and applied last."""
