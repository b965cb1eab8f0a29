"""Evidence that others can check without trusting who made it: a Merkle root, a signature."""
