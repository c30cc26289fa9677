"""ClawChat without Django: the protocol and the client, usable from tools, agents and tests."""
