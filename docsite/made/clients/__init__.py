"""A page of reference for each client, made of its sources: every public class and method, as these say it."""
