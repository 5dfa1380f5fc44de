"""What holds for a database wherever it is, where its settings do not say otherwise."""

DEFAULT_TENANT = "default"
"""Whose the keys and namespaces are that a command makes, where settings name nobody else."""
