# Handed in as released.
# base: blank
