"""Models and extensions that come with the zoo, found through entry points like all others."""
