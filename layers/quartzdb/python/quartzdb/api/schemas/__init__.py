"""What requests and answers look like: the only place that knows Pydantic."""
