"""Backups of a data directory: taking them while it is served, verifying, restoring and pruning them."""
