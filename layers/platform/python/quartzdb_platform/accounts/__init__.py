"""Use cases of organizations, their members, projects and API keys."""
