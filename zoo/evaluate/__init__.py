"""Evaluation, the same for all models: protocols, votes, metrics, leaderboards."""
