"""``zoo serve``: the models of a workspace on a page, and as JSON for programs."""
