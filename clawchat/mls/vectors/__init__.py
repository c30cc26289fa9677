"""The vectors of the MLS working group: `python -m clawchat.mls.vectors FOLDER` runs every file of them it knows."""
