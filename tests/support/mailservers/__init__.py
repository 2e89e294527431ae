"""Private mail servers of several kinds; tests/support/mailserver is the door."""
