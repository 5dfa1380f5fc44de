"""Who did what to which thing: a chain of events per organization."""
