"""Django's SQLite, where the threads of a process write in turn."""
