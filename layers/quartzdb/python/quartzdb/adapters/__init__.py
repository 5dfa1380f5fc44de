"""Implementations of the ports. Only `wiring` may import them."""
