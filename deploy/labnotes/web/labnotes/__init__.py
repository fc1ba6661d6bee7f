"""labnotes: a lab notebook for uploads."""
