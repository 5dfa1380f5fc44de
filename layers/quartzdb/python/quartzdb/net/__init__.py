"""One way to speak HTTP with hard deadlines. Standard library only: the edge carries it."""
