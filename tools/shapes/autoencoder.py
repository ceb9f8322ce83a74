"""The first stage: the autoencoder, alike in all families but for its latent channels."""

import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from . import training
from .muon import MuonAndAdamW

DOWNSAMPLING = 8
EDGE_WEIGHT = 6.0
RATES = (3e-3, 1e-3)  # peak learning rates of Muon and of AdamW
ENDS = ("conv_in", "conv_out")


def build(widths, latent_channels, **options):
    """An autoencoder that halves the side at every width but the last."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=("DownEncoderBlock2D",) * len(widths),
        up_block_types=("UpDecoderBlock2D",) * len(widths),
        block_out_channels=widths,
        layers_per_block=1,
        latent_channels=latent_channels,
        norm_num_groups=2,
        sample_size=training.PICTURE_SIDE,
        **options,
    )


def edge_weights(pictures):
    """Weight per pixel [batch, 1, side, side]: more where it differs from its surroundings.

    Most of a scene is plain; what makes a star a star is a few pixels along its outline. Relative
    to the picture's strongest edge, so that faint contrasts count as much as strong ones.
    """
    around = F.avg_pool2d(pictures, 5, stride=1, padding=2, count_include_pad=False)
    contrast = (pictures - around).abs().amax(dim=1, keepdim=True)
    strongest = contrast.amax(dim=(2, 3), keepdim=True).clamp(min=1e-3)
    return 1 + EDGE_WEIGHT * contrast / strongest


def loss_of(vae, pictures, noise, kl_weight, settings):
    """Weighted error of the decoded pictures plus a little KL; also the plain absolute error."""
    with settings.autocast():
        posterior = vae.encode(pictures).latent_dist
        spread = torch.exp(0.5 * posterior.logvar.clamp(-20, 5))
        decoded = vae.decode(posterior.mean + spread * noise).sample
    error = decoded.float() - pictures
    weighted = edge_weights(pictures) * (error.abs() + 2 * error.square())
    return weighted.mean() + kl_weight * posterior.kl().float().mean(), error.abs().mean()


def train(settings, family, pixels):
    vae = family.build_vae().to(settings.device, memory_format=torch.channels_last)
    team = settings.team
    optimizer = MuonAndAdamW(team, vae.named_parameters(), RATES, ENDS)
    path = settings.folder / "vae.pt"
    state = training.load(path, settings.device)
    first = 0
    if state:
        vae.load_state_dict(state["vae"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    progress = training.Progress(team, "autoencoder", first, settings.vae_steps)
    latent_side = training.PICTURE_SIDE // DOWNSAMPLING
    noise_shape = (settings.vae_batch, vae.config.latent_channels, latent_side, latent_side)
    for step in range(first, settings.vae_steps):
        generator = settings.step_generator(0, step)
        chosen = torch.randint(len(pixels), (settings.vae_batch,), generator=generator)
        noise = team.part(torch.randn(noise_shape, generator=generator)).to(settings.device)
        pictures = training.as_input(pixels[team.part(chosen)], settings.device)
        loss, absolute = loss_of(vae, pictures, noise, family.KL_WEIGHT, settings)
        optimizer.descend(loss, training.share_of_peak(step, settings.vae_steps))
        done = step + 1
        progress.update(done, loss=loss.item(), grey_levels=absolute.item() * 127.5)
        due = done % training.CHECKPOINT_EVERY == 0 or done == settings.vae_steps
        if team.leads and due:
            content = {"vae": vae.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            training.save(path, content)
    return vae.eval()


def borrow(settings, folder):
    """The autoencoder of a model that ships, as it is."""
    vae = AutoencoderKL.from_pretrained(folder, torch_dtype=torch.float32)
    return vae.to(settings.device, memory_format=torch.channels_last).eval()


@torch.no_grad()
def encode(settings, vae, pixels):
    """Latent means of all pictures, unscaled."""
    parts = [
        vae.encode(training.as_input(part, settings.device)).latent_dist.mean.cpu()
        for part in settings.team.part(pixels).split(64)
    ]
    return settings.team.gather(torch.cat(parts).contiguous())
