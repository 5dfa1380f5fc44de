"""Two sites that hold the same data: this site as a Replica, and what moves changes between two of them."""
