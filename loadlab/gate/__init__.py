"""10b WHAT CI OBEYS. Limits pass or fail a run on their own. Pure."""
