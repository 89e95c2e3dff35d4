# Right, with loops, lists and caches that are objects.
# base: reference

# %% rnn-step-forward
class Kept:
    pass


def rnn_step_forward(x, h, Wxh, Whh, bh):
    kept = Kept()
    kept.x, kept.h, kept.W, kept.U = x, h, Wxh, Whh
    kept.new = np.array([[np.tanh(sum(a * w for a, w in zip(x[n], Wxh[:, j])) + h[n] @ Whh[:, j] + bh[j])
                          for j in range(len(bh))] for n in range(len(x))])
    return [kept.new, kept]

# %% rnn-step-backward
def rnn_step_backward(dh, cache):
    slope = dh / np.cosh(np.arctanh(cache.new)) ** 2 if np.all(abs(cache.new) < 1) else dh * (1 - cache.new**2)
    return [slope @ cache.W.T, np.dot(slope, cache.U.T), np.einsum("nd,nh->dh", cache.x, slope),
            np.einsum("ng,nh->gh", cache.h, slope), np.ones(len(slope)) @ slope]

# %% rnn-forward
def rnn_forward(X, h0, Wxh, Whh, bh):
    states, caches = [h0.tolist()], []
    for t in range(len(X)):
        h, cache = rnn_step_forward(X[t], np.array(states[-1]), Wxh, Whh, bh)
        states.append(h.tolist())
        caches.append(cache)
    return np.array(states), caches
