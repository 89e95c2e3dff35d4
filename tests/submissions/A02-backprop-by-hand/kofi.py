# Takes deck 004 at its word: the loss without its minus, so gradients of the other sign; training then climbs in its own J.
# base: reference
# expect: test-nn-forward score=2.25 diagnosis=M01
# expect: test-derivation-d2-5 score=3
# expect: test-slide-e03 score=0.5

# %% nn-forward
def nn_forward(x, y, alpha, beta):
    x = np.concatenate([[1.0], x])
    a = alpha @ x
    z = np.concatenate([[1.0], sigmoid(a)])
    b = beta @ z
    yhat = sigmoid(b)
    return dict(x=x, a=a, z=z, b=b, yhat=yhat, J=y * np.log(yhat) + (1 - y) * np.log(1 - yhat))

# %% nn-backward
def nn_backward(x, y, alpha, beta, o):
    db = y - o["yhat"]
    z = o["z"][1:]
    return np.outer(db * beta[1:] * z * (1 - z), o["x"]), db * o["z"]

# %% edit derivation-d2-5
    "-t/y + (1 - t)/(1 - y)",
# becomes
    "t/y + (1 - t)/(y - 1)",

# %% slide-e03
slide_e03 = {"J": "t*log(y) + (1 - t)*log(1 - y)", "dJ/db as on the slide": 1 - y_e03, "one step moves b": "down"}
