"""The moving port and the changing keys."""
