"""The protocol, pure and sans-IO; its twin is static/js/protocol and its text docs/protocol.md."""
