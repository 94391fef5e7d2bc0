"""How a record becomes what the public may see of it."""
