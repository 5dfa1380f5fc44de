"""What moves changes between this site and its peer, one stream for each feed and namespace."""
