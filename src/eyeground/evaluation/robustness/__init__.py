"""What becomes of figures when photos get worse."""
