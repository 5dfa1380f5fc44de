"""Approximate and exact engines behind one narrow port; each is imported only when a segment needs it."""
