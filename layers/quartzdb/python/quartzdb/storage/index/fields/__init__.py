"""Metadata fields as indexes, in memory and in SQLite: what evaluates filters."""
