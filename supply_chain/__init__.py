"""What the database is made of that others wrote: its licences."""
