"""From photographs and scans to a measured, textured model: numerical stages that import no Django."""
