"""The files of a segment: written once, read whole or in parts."""
