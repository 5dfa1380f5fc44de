"""The HTTP client, with hard deadlines. Standard library only: the edge carries it."""
