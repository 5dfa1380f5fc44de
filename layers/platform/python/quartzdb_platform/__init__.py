"""The platform: who may use the database, and how much. It publishes into the database and is never asked by it."""
