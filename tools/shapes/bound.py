"""The variational bound of a diffusion with learned variance, term by term.

Nichol & Dhariwal 2021, arXiv:2102.09672, section 3.1: the model's variance lies between the two
extremes of the posterior's, in the logarithm, where its output says (-1 to 1).
"""

import functools
import math
from typing import NamedTuple

import torch

HALF_BIN = 1 / 255  # of values in [-1, 1] that were bytes
LEAST_LIKELIHOOD = 1e-12


class Schedule(NamedTuple):
    """Tables over time, in double precision. `signal` and `noise` are the roots of their shares."""

    signal: torch.Tensor
    noise: torch.Tensor
    from_start: torch.Tensor  # the posterior's mean is this times the start
    from_noisy: torch.Tensor  # and this times the noisy latents
    least_log_variance: torch.Tensor
    most_log_variance: torch.Tensor

    def at(self, times, device):
        """The same of each time of a batch, as float32 [batch, 1, 1, 1]."""
        picked = (table[times.cpu()].float().to(device) for table in self)
        return Schedule(*(table[:, None, None, None] for table in picked))


@functools.cache
def make_schedule(beta_start, beta_end, count):
    """Betas whose roots grow linearly ("scaled_linear")."""
    betas = torch.linspace(beta_start**0.5, beta_end**0.5, count, dtype=torch.float64) ** 2
    kept = torch.cumprod(1 - betas, 0)
    before = torch.cat([torch.ones(1, dtype=torch.float64), kept[:-1]])
    posterior = betas * (1 - before) / (1 - kept)
    posterior[0] = posterior[1]  # its logarithm is taken
    return Schedule(
        signal=kept.sqrt(),
        noise=(1 - kept).sqrt(),
        from_start=betas * before.sqrt() / (1 - kept),
        from_noisy=(1 - before) * (1 - betas).sqrt() / (1 - kept),
        least_log_variance=posterior.log(),
        most_log_variance=betas.log(),
    )


def divergence(mean, log_variance, other_mean, other_log_variance):
    """Of the first normal distribution from the other, per element, in nats."""
    gap = (mean - other_mean).square() * torch.exp(-other_log_variance)
    spread = other_log_variance - log_variance + torch.exp(log_variance - other_log_variance)
    return 0.5 * (spread + gap - 1)


def cumulative(values):
    """Of the standard normal distribution, by the approximation that the originals take."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (values + 0.044715 * values**3)))


def log_likelihood(start, mean, log_variance):
    """Of values that were bytes, per element, in nats: the outermost bins reach to infinity."""
    precision, off = torch.exp(-0.5 * log_variance), start - mean
    below = cumulative(precision * (off - HALF_BIN))
    below = torch.where(start < -0.999, torch.zeros_like(below), below)
    upto = cumulative(precision * (off + HALF_BIN))
    upto = torch.where(start > 0.999, torch.ones_like(upto), upto)
    return (upto - below).clamp(min=LEAST_LIKELIHOOD).log()


def terms(tables, times, start, noisy, velocity, variance):
    """The bound's term of every sample's time [batch], in bits per dimension.

    `tables` are the schedule's at these times, `velocity` and `variance` what the model says.
    """
    predicted = tables.signal * noisy - tables.noise * velocity
    true_mean = tables.from_start * start + tables.from_noisy * noisy
    mean = tables.from_start * predicted + tables.from_noisy * noisy
    share = (variance + 1) / 2
    log_variance = share * tables.most_log_variance + (1 - share) * tables.least_log_variance
    apart = divergence(true_mean, tables.least_log_variance, mean, log_variance)
    decoded = -log_likelihood(start, mean, log_variance)
    first = (times == 0).to(start.device)[:, None, None, None]
    return torch.where(first, decoded, apart).flatten(1).mean(1) / math.log(2)
