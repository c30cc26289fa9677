"""A folder that is shared as a link in an account at MEGA."""
