"""The changes of this site in order, and positions among them."""
