"""Reaching this machine from outside: routers that let ports in, the address they have there, and whether it works."""
