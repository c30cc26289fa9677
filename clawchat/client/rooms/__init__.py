"""What makes a client a member of MLS rooms. `clawchat.client.Member` is the way in."""
