"""Routes by surface and family."""
