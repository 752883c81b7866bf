"""How the tables of a home came to be what they are."""
