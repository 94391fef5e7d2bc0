"""From agreed depths to a clean, light surface whose holes stay holes."""
