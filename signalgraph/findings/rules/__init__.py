"""The rules: each module here is one, and holds it as `RULE`."""
