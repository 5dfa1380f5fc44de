"""The health probe: looks at both origins and has the routing state follow what it finds."""
