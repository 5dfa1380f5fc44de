"""Plans: what each costs and allows, and the grants by which the database goes."""
