"""Orders and stock: where one thing leads to another."""
