"""What the router knows of models, sessions and money: written by every attempt, read by policies as one snapshot."""
