"""Services through their providers' SDKs, each an extra of its own."""
