"""Which of two origins serves, and the router at the edge that follows it."""
