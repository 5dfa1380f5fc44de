"""What nobody waits for: folding, merging, sweeping, garbage collection, verification."""
