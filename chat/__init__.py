"""People, devices, rooms, delivery."""
