"""The documentation: its pages, its examples and its site."""
