"""Readers of the bookshop: who they are, and who logged in."""
