"""Values and rules of the platform, pure: nothing here asks the time or stores anything."""
