"""The demo site. Not part of the package: the wheel holds `signalgraph/` only."""
