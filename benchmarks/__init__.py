"""What the backend costs, measured beside what people would write instead: `make bench`."""
