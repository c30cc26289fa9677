"""A small asynchronous client: discovery, session, resume, requests."""
