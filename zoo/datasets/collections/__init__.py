"""Published collections: a module for each, with its card, and what recognises them."""
