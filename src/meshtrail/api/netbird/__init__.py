"""NetBird's REST API as its clients expect it, its defects left out."""
