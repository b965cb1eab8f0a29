"""The disclosure label: seven areas on one page, each cell measured, declared or absent."""
