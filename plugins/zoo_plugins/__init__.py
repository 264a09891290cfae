"""The models that come with the zoo, found through entry points like everybody's."""
