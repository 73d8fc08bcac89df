"""What an operator does by hand: `python -m operations --help`. Not deployed."""
