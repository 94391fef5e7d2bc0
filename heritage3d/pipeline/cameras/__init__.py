"""Where the photographs were taken from: features, matches, bundle adjustment by COLMAP, and the lens corrections."""
