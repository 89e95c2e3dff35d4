# Everything right, as the reference has it.
# base: reference
