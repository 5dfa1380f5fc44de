"""Ports over HTTP: the peer, and origins that are probed."""
