"""Where to find us, and who is out."""
