"""The books: to browse, to read, to sell one's own."""
