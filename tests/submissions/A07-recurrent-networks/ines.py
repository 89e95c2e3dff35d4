# The likeliest word is taken every time.
# base: reference
# expect: test-sample score=1.25 diagnosis=M49

# %% edit sample
        new.append(int(rng.choice(len(p), p=p / p.sum())))
# becomes
        new.append(int(p.argmax()))
