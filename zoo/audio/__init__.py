"""From audio files to the arrays that models are trained on."""
