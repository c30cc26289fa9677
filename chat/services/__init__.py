"""What the chat app does: functions that own the transactions."""
