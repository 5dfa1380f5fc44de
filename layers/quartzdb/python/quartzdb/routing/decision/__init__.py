"""Which origin serves. Standard library only: all of it also runs at the edge, where there are no layers."""
