"""What every room needs: time, errors, limits of the whole. This room must not grow."""
