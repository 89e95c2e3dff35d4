# Nothing was done.
# base: blank
# expect: test-evaluate status=not_run
# expect: test-quiz-q8-1 status=not_run
# expect: test-derivation-d8-1 status=not_run
