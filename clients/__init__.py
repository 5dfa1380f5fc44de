"""Clients of the HTTP API in several languages, and what all of them must do alike."""
