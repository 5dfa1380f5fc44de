"""The HTTP edge: two surfaces over the same services."""
