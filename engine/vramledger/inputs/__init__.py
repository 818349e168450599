"""What users bring, to facts."""
