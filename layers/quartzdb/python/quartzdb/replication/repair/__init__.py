"""What a feed missed is found by comparing digests, and brought over."""
