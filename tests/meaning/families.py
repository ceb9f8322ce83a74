"""The kinds of models that are measured: how diffusers paints with them, with what samplers."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from diffusers import (
    DDIMScheduler,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FlowMatchHeunDiscreteScheduler,
    HunyuanDiTPipeline,
    PNDMScheduler,
    StableDiffusion3Img2ImgPipeline,
    StableDiffusion3Pipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
)

MODELS = Path(__file__).resolve().parents[2] / "models"
SHIPPED = (MODELS / "shapes-sd1",)


@dataclass(frozen=True)
class Sampler:
    """A scheduler of diffusers, or where its pipeline cannot do it, flags of the `sd` binary."""

    scheduler: type | None
    options: dict = field(default_factory=dict)  # of the scheduler
    call: dict = field(default_factory=dict)  # of the pipeline's call
    limit: int | None = None  # how many prompts of each kind; None for all
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    pipeline: type
    image_to_image: type | None
    steps: int
    guidance: float
    guidances: tuple[float, ...]  # to compare
    samplers: dict[str, Sampler]
    own: dict = field(default_factory=dict)  # further arguments of both pipelines
    call: dict = field(default_factory=dict)  # further arguments of their calls
    languages: tuple[str, ...] = ("english",)

    def load(self, folder, **options):
        pipeline = self.pipeline.from_pretrained(folder, **options)
        pipeline.set_progress_bar_config(disable=True)
        return pipeline

    def load_image_to_image(self, pipeline):
        painter = self.image_to_image(**pipeline.components, **self.own)
        painter.set_progress_bar_config(disable=True)
        return painter


SD1 = Family(
    StableDiffusionPipeline,
    StableDiffusionImg2ImgPipeline,
    steps=30,
    guidance=2.5,
    guidances=(1.0, 2.0, 4.0, 7.5),
    samplers={
        "ddim": Sampler(DDIMScheduler),
        "plms": Sampler(PNDMScheduler, {"skip_prk_steps": True}),
        "euler": Sampler(EulerDiscreteScheduler),
        "dpm++2m": Sampler(DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
        "ddim-eta1": Sampler(DDIMScheduler, call={"eta": 1.0}),
        "ddpm": Sampler(DDPMScheduler, limit=20),
    },
    own={"requires_safety_checker": False},
)

SD3 = Family(
    StableDiffusion3Pipeline,
    StableDiffusion3Img2ImgPipeline,
    steps=28,
    guidance=4.0,
    guidances=(1.0, 2.0, 4.0, 7.0),
    samplers={
        "flow-euler": Sampler(FlowMatchEulerDiscreteScheduler),
        "flow-heun": Sampler(FlowMatchHeunDiscreteScheduler, limit=20),
    },
)

HUNYUAN = Family(
    HunyuanDiTPipeline,
    None,
    steps=30,
    guidance=4.0,
    guidances=(1.0, 2.0, 4.0, 6.0),
    samplers={
        "ddpm": Sampler(DDPMScheduler),
        "ddim": Sampler(DDIMScheduler),
        "dpm++2m": Sampler(DPMSolverMultistepScheduler, {"algorithm_type": "dpmsolver++"}),
        "ddpm-learned": Sampler(
            None, flags=("--sampler", "ddpm", "--variance", "learned_range"), limit=20
        ),
    },
    call={"use_resolution_binning": False},
    languages=("english", "chinese"),
)

FAMILIES = {family.pipeline.__name__: family for family in (SD1, SD3, HUNYUAN)}


def family_of(folder):
    index = json.loads((Path(folder) / "model_index.json").read_text("utf-8"))
    return FAMILIES[index["_class_name"]]
