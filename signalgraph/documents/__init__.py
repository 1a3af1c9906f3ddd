"""The wiring as Markdown pages: what people read in the repository, and what CI keeps up to date."""
