"""Pages: what a mail leads to."""
