"""Use cases of signing in: codes by e-mail, sessions and management tokens."""
