"""People's labels: a draw of answers to be labelled, the sheet that people fill, and its import."""
