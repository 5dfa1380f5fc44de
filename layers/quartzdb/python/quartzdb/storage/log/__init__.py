"""What is committed: appending, reading the tail, and trimming, over the ChangeLog port."""
