"""Prediction: from a trained model and audio files to labels."""
