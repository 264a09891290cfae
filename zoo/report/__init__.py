"""Pages about the leaderboards, for people and for publications."""
