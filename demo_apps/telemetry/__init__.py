"""The project watching itself, through Django's own signals. Keeps its numbers in memory."""
