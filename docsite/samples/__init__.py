"""Code samples of operations, made of the scenarios that every client passes: so they are calls that run."""
