"""Which images and heat maps a report shows, and their making."""
