"""What a report says: its figures as data, rules over them, and the HTML page."""
