"""The variational bound of a diffusion with learned-range variance, for tests of `sd eval vlb`.

Written from the papers: Ho et al. 2020 (arXiv:2006.11239), equations 4 to 8 and 13; Nichol & Dhariwal
2021 (arXiv:2102.09672), equations 4 to 7 and 15. What those leave open is as in Tencent's HunyuanDiT
(`hydit/diffusion/gaussian_diffusion.py`): tables in float64 that get the type of the tensors where they
are used, the variance of the first posterior taken from the second, the normal's distribution by tanh,
probabilities of at least 1e-12, means over all elements in bits. Everything computes in the type of the
tensors it is given: with float32, as in Tencent's code, the KL of late times is mostly rounding.
"""

import math

import numpy as np
import torch


def make_betas(start, end, times, schedule="scaled_linear"):
    """float64 [times]"""
    if schedule == "linear":
        return np.linspace(start, end, times)
    if schedule != "scaled_linear":
        raise ValueError(f"there is no schedule {schedule}")
    return np.linspace(math.sqrt(start), math.sqrt(end), times) ** 2


def rescale_to_zero_snr(betas):
    """Lin et al. 2023 (arXiv:2305.08891), algorithm 1, in float64."""
    root = np.sqrt(np.cumprod(1 - betas))
    root = (root - root[-1]) * root[0] / (root[0] - root[-1])
    alpha_bar = root**2
    return 1 - np.append(alpha_bar[:1], alpha_bar[1:] / alpha_bar[:-1])


def kl(mean_p, log_var_p, mean_q, log_var_q):
    """KL(p || q) of Gaussians, nats for each element."""
    ratio = torch.exp(log_var_p - log_var_q)
    distance = (mean_p - mean_q) ** 2 * torch.exp(-log_var_q)
    return (ratio + distance - 1 + log_var_q - log_var_p) / 2


def phi(x):
    """Cumulative distribution of the standard normal, approximately."""
    return (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def log_likelihood(x, mean, log_scale):
    """Ho et al. 2020, equation 13: log probability of the value's bin, nats for each element."""
    scale = torch.exp(log_scale)
    upper = torch.where(x > 0.999, 1.0, phi((x + 1 / 255 - mean) / scale))
    lower = torch.where(x < -0.999, 0.0, phi((x - 1 / 255 - mean) / scale))
    return torch.log((upper - lower).clamp(min=1e-12))


class Bound:
    """prediction: "epsilon", "v_prediction" or "sample", what the first half of an output is."""

    def __init__(self, betas, prediction):
        alphas = 1 - betas
        self.prediction = prediction
        self.alpha_bar = np.cumprod(alphas)
        before = np.append(1.0, self.alpha_bar[:-1])
        rest = 1 - self.alpha_bar
        # q(x_{t-1} | x_t, x_0), equation 7
        self.of_x0 = np.sqrt(before) * betas / rest
        self.of_x_t = np.sqrt(alphas) * (1 - before) / rest
        variance = betas * (1 - before) / rest
        self.log_posterior = np.log(np.append(variance[1], variance[1:]))
        self.log_beta = np.log(betas)

    def at(self, table, times, like):
        return torch.tensor(table[np.asarray(times)], dtype=like.dtype).reshape(-1, 1, 1, 1)

    def roots(self, times, like):
        return self.at(np.sqrt(self.alpha_bar), times, like), self.at(np.sqrt(1 - self.alpha_bar), times, like)

    def noised(self, x0, noise, times):
        signal, sigma = self.roots(times, x0)
        return signal * x0 + sigma * noise

    def predicted_x0(self, prediction, x_t, times):
        signal, sigma = self.roots(times, x_t)
        if self.prediction == "epsilon":
            return (x_t - sigma * prediction) / signal
        if self.prediction == "v_prediction":
            return signal * x_t - sigma * prediction
        return prediction

    def terms(self, x0, noise, x_t, output, times, clip):
        """Each [N] but pred_x0: vb in bits per dimension, mse, x0_mse."""
        prediction, learned = output.chunk(2, dim=1)
        pred_x0 = self.predicted_x0(prediction, x_t, times)
        if clip:
            pred_x0 = pred_x0.clamp(-1, 1)
        low, high = self.at(self.log_posterior, times, x0), self.at(self.log_beta, times, x0)
        log_variance = low + (learned + 1) / 2 * (high - low)
        of_x0, of_x_t = self.at(self.of_x0, times, x0), self.at(self.of_x_t, times, x0)
        mean = of_x0 * pred_x0 + of_x_t * x_t
        true_mean = of_x0 * x0 + of_x_t * x_t
        first = torch.tensor([time == 0 for time in times]).reshape(-1, 1, 1, 1)
        nats = torch.where(first, -log_likelihood(x0, mean, log_variance / 2), kl(true_mean, low, mean, log_variance))
        signal, sigma = self.roots(times, x0)
        implied = (x_t - signal * pred_x0) / sigma
        mean_of = lambda x: x.flatten(1).mean(1)  # noqa: E731
        return {"vb": mean_of(nats) / math.log(2), "mse": mean_of((implied - noise) ** 2), "x0_mse": mean_of((pred_x0 - x0) ** 2), "pred_x0": pred_x0}

    def prior(self, x0):
        """KL of q(x_T | x_0) and pure noise, [N], bits per dimension."""
        signal, sigma = self.roots([len(self.alpha_bar) - 1], x0)
        zero = torch.zeros_like(x0)
        return kl(signal * x0, 2 * torch.log(sigma), zero, zero).flatten(1).mean(1) / math.log(2)
