"""Implementations of the ports. Only the bootstrap module may import them."""
