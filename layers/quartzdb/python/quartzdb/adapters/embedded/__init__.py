"""Ports over SQLite and files of one machine."""
