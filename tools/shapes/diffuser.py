"""The second stage: text encoders and denoising network together, on the autoencoder's latents."""

import copy
from dataclasses import dataclass

import torch

from . import training
from .muon import MuonAndAdamW

EMPTY_CAPTION_SHARE = 0.1
EMA_DECAY = 0.999
# Of the captions, this share belongs to another scene where there is little noise.
WRONG_CAPTION_SHARE = 0.5


class Diffuser:
    """The networks of a family in training, with the moving average that is exported.

    `networks` are by name, in the order in which a checkpoint's average lists their parameters;
    those that need no gradient stay as they are.
    """

    def __init__(self, settings, family, networks):
        self.settings = settings
        self.path = settings.folder / family.CHECKPOINT
        self.networks = {name: network.to(settings.device) for name, network in networks.items()}
        named = trained_parameters(self.networks)
        self.parameters = [parameter for _, parameter in named]
        self.average = [parameter.detach().clone() for parameter in self.parameters]
        self.optimizer = MuonAndAdamW(settings.team, named, family.RATES, family.ENDS)
        self.step = 0
        self.restore()

    def restore(self):
        state = training.load(self.path, self.settings.device)
        if not state:
            return
        for name, network in self.networks.items():
            network.load_state_dict(state[name])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.step = state["step"]

    def checkpoint(self):
        content = {name: network.state_dict() for name, network in self.networks.items()}
        content["optimizer"] = self.optimizer.state_dict()
        content["average"] = self.average
        content["step"] = self.step
        training.save(self.path, content)

    def follow(self):
        """Moves the average towards the weights; faster while it is young."""
        decay = min(EMA_DECAY, (1 + self.step) / (10 + self.step))
        weights = [parameter.detach() for parameter in self.parameters]
        torch._foreach_lerp_(self.average, weights, 1 - decay)

    def averaged(self):
        """Copies of the networks with the averaged weights."""
        copies = copy.deepcopy(self.networks)
        with torch.no_grad():
            for (_, target), value in zip(trained_parameters(copies), self.average, strict=True):
                target.copy_(value)
        return {name: network.cpu().eval() for name, network in copies.items()}


def trained_parameters(networks):
    """(name within its network, parameter) of all that need a gradient."""
    named = (pair for network in networks.values() for pair in network.named_parameters())
    return [(name, parameter) for name, parameter in named if parameter.requires_grad]


@dataclass(frozen=True)
class Captions:
    """Token ids of captions [scenes, CAPTIONS_PER_SCENE, tokens], and of the empty one [tokens]."""

    ids: torch.Tensor
    empty: torch.Tensor

    @classmethod
    def encode(cls, family, tokenizers, wordings):
        ids = family.encode_captions(tokenizers, wordings)
        ids = ids.view(-1, training.CAPTIONS_PER_SCENE, ids.shape[-1])
        return cls(ids, family.encode_captions(tokenizers, [""])[0])


def stratified(count, generator):
    """One number in [0, 1) drawn from each of `count` equal parts, and an order to shuffle them."""
    drawn = torch.arange(count) + torch.rand(count, generator=generator)
    return drawn, torch.randperm(count, generator=generator)


def wrong_caption_share(times, limits):
    """Share of captions that belong to another scene: all of it below the first limit, none above.

    Were every caption true, the network would follow it even where the latents already show what
    they are, and paint over any picture it is given. Wrong ones, where there is little noise, teach
    it to trust the picture there: image-to-image keeps its input, errors of strong guidance and of
    multistep samplers are mended in the last steps.
    """
    first, last = limits
    return WRONG_CAPTION_SHARE * ((last - times) / (last - first)).clamp(0, 1)


def draw_batch(settings, family, latents, captions, step):
    """What the family's loss takes in one step: this worker's part of it."""
    batch, generator = settings.batch, settings.step_generator(1, step)
    chosen = torch.randint(len(latents), (batch,), generator=generator)
    wording = torch.randint(training.CAPTIONS_PER_SCENE, (batch,), generator=generator)
    noise = torch.randn((batch, *latents.shape[1:]), generator=generator)
    times = family.draw_times(batch, generator)
    described = torch.randint(len(latents), (batch,), generator=generator)
    share = wrong_caption_share(times, family.WRONG_CAPTION_TIMES)
    wrong = torch.rand(batch, generator=generator) < share
    tokens = captions.ids[torch.where(wrong, described, chosen), wording]
    tokens[torch.rand(batch, generator=generator) < EMPTY_CAPTION_SHARE] = captions.empty
    tokens = family.draw_text(tokens.long(), step / settings.steps, generator)
    values = (latents[chosen], tokens, times, noise)
    return tuple(settings.team.part(value).to(settings.device) for value in values)


def train(settings, family, diffuser, latents, captions):
    label = family.CHECKPOINT.removesuffix(".pt")
    progress = training.Progress(settings.team, label, diffuser.step, settings.steps)
    for step in range(diffuser.step, settings.steps):
        inputs = draw_batch(settings, family, latents, captions, step)
        loss = family.loss(diffuser.networks, settings, *inputs)
        diffuser.optimizer.descend(loss, training.share_of_peak(step, settings.steps))
        diffuser.step = step + 1
        diffuser.follow()
        progress.update(diffuser.step, loss=loss.item())
        due = diffuser.step % training.CHECKPOINT_EVERY == 0 or diffuser.step == settings.steps
        if settings.team.leads and due:
            diffuser.checkpoint()
