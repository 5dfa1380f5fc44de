"""Metering: what the database's requests used, counted once, and what follows from it."""
