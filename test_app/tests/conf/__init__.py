"""Every setting changes what a user sees."""
