"""Muon: momentum for matrices, made orthogonal before each step.

The momentum of a weight matrix is mostly a few strong directions; with all its singular values
brought near one, weak directions are learned as fast. Here the loss after 600 steps of the UNet is
a quarter lower than with AdamW, which needs about 1.7 times as many steps to get as far.

Keller Jordan, https://kellerjordan.github.io/posts/muon (the iteration and its coefficients); Liu
et al. 2025, arXiv:2502.16982, equation 4 (size of a step).
"""

import torch

ITERATIONS = 5
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
STEP_RMS = 0.2  # of an AdamW step, so that both take like learning rates


def orthogonalize(matrices):
    """[count, rows, columns] with rows <= columns to nearly orthonormal rows: Newton-Schulz."""
    a, b, c = COEFFICIENTS
    result = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = result @ result.mT
        result = a * result + (b * gram + c * (gram @ gram)) @ result
    return result


def as_matrix(weight):
    """[out, in, ...] as a matrix that is at least as wide as high."""
    matrix = weight.reshape(len(weight), -1)
    return matrix.mT if matrix.shape[0] > matrix.shape[1] else matrix


def as_weight(matrix, weight):
    """What as_matrix() was given, in the weight's shape."""
    return (matrix if len(matrix) == len(weight) else matrix.mT).reshape(weight.shape)


class Muon(torch.optim.Optimizer):
    """For weights of two or more dimensions; a convolution is a matrix with a row per output.

    The team shares the work: each worker makes some matrices orthogonal. All have the same
    gradients when step() is called.
    """

    def __init__(self, parameters, rate, team, momentum=0.95, weight_decay=1e-3):
        super().__init__(parameters, {"lr": rate})
        self.team, self.momentum, self.weight_decay = team, momentum, weight_decay
        self.shares = share_out(self.weights, team.size)

    @property
    def weights(self):
        return self.param_groups[0]["params"]

    def momenta(self):
        """Nesterov's look ahead for every weight."""
        for weight in self.weights:
            state = self.state[weight]
            if "momentum" not in state:
                state["momentum"] = torch.zeros_like(weight)
            average = state["momentum"].lerp_(weight.grad, 1 - self.momentum)
            yield weight.grad.lerp(average, self.momentum)

    @torch.no_grad()
    def step(self):
        momenta = list(self.momenta())
        directions = [torch.zeros_like(weight) for weight in self.weights]
        for alike in self.shares[self.team.rank]:
            stack = torch.stack([as_matrix(momenta[index]) for index in alike])
            step_size = STEP_RMS * stack.shape[2] ** 0.5
            for index, matrix in zip(alike, orthogonalize(stack) * step_size):
                directions[index].copy_(as_weight(matrix, directions[index]))
        self.team.add(directions)
        rate = self.param_groups[0]["lr"]
        torch._foreach_mul_(self.weights, 1 - rate * self.weight_decay)
        torch._foreach_add_(self.weights, directions, alpha=-rate)


def share_out(weights, size):
    """For each worker, lists of indices of weights of one shape; about equal work for all."""
    shapes = [tuple(as_matrix(weight).shape) for weight in weights]
    work = [rows * rows * columns for rows, columns in shapes]
    shares, loads = [{} for _ in range(size)], [0] * size
    for index in sorted(range(len(weights)), key=lambda index: -work[index]):
        worker = loads.index(min(loads))
        loads[worker] += work[index]
        shares[worker].setdefault(shapes[index], []).append(index)
    return [list(share.values()) for share in shares]


class MuonAndAdamW:
    """Muon for the matrices between the ends of the networks, AdamW for all else.

    `rates` are the peak learning rates of the two, `ends` the last parts of the names of layers
    that are left to AdamW, such as "conv_in" or "norm1.linear", and of parameters without a layer.
    """

    def __init__(self, team, named_parameters, rates, ends):
        inner, rest = [], []
        for name, parameter in named_parameters:
            (inner if is_inner_matrix(name, parameter, ends) else rest).append(parameter)
        self.team, self.parameters = team, inner + rest
        muon = Muon(inner, rates[0], team)
        adamw = torch.optim.AdamW(
            rest, rates[1], betas=(0.9, 0.99), weight_decay=1e-3, fused=True
        )
        self.peaks = ((muon, rates[0]), (adamw, rates[1]))

    def descend(self, loss, pace):
        """One step down the gradient of the team's mean loss, at a share `pace` of peak rates."""
        for parameter in self.parameters:
            parameter.grad = None
        loss.backward()
        self.team.average_gradients(self.parameters)
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        for optimizer, peak in self.peaks:
            optimizer.param_groups[0]["lr"] = peak * pace
            optimizer.step()

    def state_dict(self):
        return [optimizer.state_dict() for optimizer, _ in self.peaks]

    def load_state_dict(self, states):
        for (optimizer, _), state in zip(self.peaks, states):
            optimizer.load_state_dict(state)


def is_inner_matrix(name, parameter, ends):
    names = ("." + name.rpartition(".")[0], "." + name)
    left_out = any(name.endswith("." + end) for name in names for end in ends)
    return parameter.ndim >= 2 and not left_out
