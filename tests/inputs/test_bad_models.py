"""Weights, shards, configs and tokenizers that are broken, hostile or odd."""

import gzip
import json
import os
import struct
import unittest

import numpy as np

from running import BAD_INPUT, BAD_MODEL, MODEL, NUMERIC, PAINT, TEXT, UNET, USAGE, VAE, InputTest, Tensors, bytes_of, config

ONE = {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}
TERABYTE = 1 << 40
INDEX = "unet/diffusion_pytorch_model.safetensors.index.json"
TEXT_CONFIG = "text_encoder/config.json"
UNET_CONFIG = "unet/config.json"
SCHEDULER = "scheduler/scheduler_config.json"
TOKENIZER = "tokenizer/tokenizer_config.json"
VOCAB = "tokenizer/vocab.json"
MERGES = "tokenizer/merges.txt"


def length_of(number, rest=b"{}"):
    return struct.pack("<Q", number) + rest


def with_tensor(path, name, dtype, shape, content):
    tensors = Tensors(path)
    tensors.tensors[name] = [dtype, shape, content]
    return tensors.pack()


def with_one(path, pattern, change):
    """The file with one tensor changed: `change` takes and returns [dtype, shape, bytes]."""
    tensors = Tensors(path)
    name = tensors.first(pattern)
    tensors.tensors[name] = change(*tensors.tensors[name])
    return tensors.pack()


def filled(path, pattern, number):
    return with_one(path, pattern, lambda dtype, shape, _: [dtype, shape, np.full(shape, number, np.float16).tobytes()])


def cast(path, number_type, dtype, pattern=""):
    """The file with the tensors that the pattern is found in as another dtype."""
    tensors = Tensors(path)
    for name, (_, shape, content) in tensors.tensors.items():
        if pattern in name:
            tensors.tensors[name] = [dtype, shape, np.frombuffer(content, np.float16).astype(number_type).tobytes()]
    return tensors.pack()


def as_bf16(path, pattern):
    """The bytes of half precision under the name of bfloat16: other numbers, and finite ones."""
    return with_one(path, pattern, lambda _, shape, content: ["BF16", shape, content])


def sparse(start):
    def make(path):
        path.write_bytes(start)
        try:
            os.truncate(path, TERABYTE)
        except OSError as error:
            raise unittest.SkipTest(f"no file of a terabyte can be made: {error}") from error

    return make


def link_to(target):
    return lambda path: path.symlink_to(target)


class Safetensors(InputTest):
    def test_what_is_no_safetensors_file(self):
        whole = (MODEL / TEXT).read_bytes()
        huge = {"a": {"dtype": "U8", "shape": [TERABYTE - 8 - 100], "data_offsets": [0, TERABYTE - 8 - 100]}}
        cases = {
            "no_bytes": (b"", "is empty"),
            "seven_bytes": (b"\2\0\0\0\0\0\0", "found 7 bytes"),
            "length_alone": (length_of(2, b""), "the file has 0"),
            "length_of_all_ones": (length_of(2**64 - 1), "18446744073709551615 bytes"),
            "length_over_the_limit": (length_of(100_000_001), "100000001 bytes"),
            "length_beyond_the_file": (length_of(1000), "1000 bytes"),
            "length_0": (length_of(0), "does not begin with '{'"),
            "length_1": (length_of(1), "not valid JSON"),
            "zeros": (bytes(64), "does not begin with '{'"),
            "nul_in_the_header": (bytes_of(b'{"a\0":1}'), "not valid JSON"),
            "nul_behind_the_header": (bytes_of(b"{}\0\0\0\0"), "not valid JSON"),
            "two_headers": (bytes_of(b"{}{}"), "not valid JSON"),
            "a_million_brackets": (bytes_of(b'{"a":' + b"[" * 1_000_000), "an array where none belongs"),
            "a_million_braces": (bytes_of(b'{"a":' * 1_000_000), "malformed"),
            "overflow_behind_a_zero": (
                bytes_of({"a": {"dtype": "F32", "shape": [0, 2**62, 2**62], "data_offsets": [0, 4]}}, bytes(4)),
                "'a' needs 0 bytes",
            ),
            "cut_short": (whole[: len(whole) // 2], "cut short"),
            "one_byte_short": (whole[:-1], "cut short"),
            "one_byte_more": (whole + b"x", "bytes of data, the file holds"),
            "an_empty_header": (bytes_of({}), "is missing"),
            "gzip": (gzip.compress(whole, 1), ""),
            "zip": (b"PK\3\4" + bytes(60), "zip archive"),
            "git_lfs_pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 1\n", "git-lfs pointer"),
            "web_page": (b"<!DOCTYPE html><html>404</html>", "web page"),
            "a_folder": (lambda path: path.mkdir(), "found a folder"),
            "a_fifo": (lambda path: os.mkfifo(path), "not a regular file"),
            "a_device": (link_to("/dev/zero"), "not a regular file"),
            "a_link_to_nothing": (link_to("../../blobs/3a91"), "../../blobs/3a91"),
            "a_link_to_itself": (link_to("model.safetensors"), "symbolic links"),
            "a_terabyte_of_zeros": (sparse(b""), "does not begin with '{'"),
            "a_terabyte_that_is_described": (sparse(bytes_of(json.dumps(huge).encode().ljust(100))), "is missing"),
        }
        self.refuse_models(
            {name: ({TEXT: content}, BAD_MODEL, TEXT, part) for name, (content, part) in cases.items()}
        )

    def test_tensors_that_do_not_fit(self):
        projection = Tensors(UNET).first(r"attentions\.0\.proj_in\.weight")
        self.assertEqual(Tensors(UNET).tensors[projection][1][2:], [1, 1])
        fc1 = r"layers\.0\.mlp\.fc1\.weight"
        missing = Tensors(TEXT)
        gone = missing.first(fc1)
        del missing.tensors[gone]
        capitals = Tensors(TEXT)
        capitals.tensors = {name.replace("fc1.weight", "FC1.weight"): tensor for name, tensor in capitals.tensors.items()}
        both = Tensors(TEXT)
        both.tensors[gone.upper()] = both.tensors[gone]

        def shape(change):
            return with_one(TEXT, fc1, lambda dtype, old, content: [dtype, change(old), content])

        self.refuse_models(
            {
                "missing": ({TEXT: missing.pack()}, BAD_MODEL, f"'{gone}' is missing"),
                "other_case": ({TEXT: capitals.pack()}, BAD_MODEL, f"'{gone}' is missing"),
                "names_that_differ_by_case": ({TEXT: both.pack()}, BAD_MODEL, f"'{gone.upper()}'"),
                "transposed": ({TEXT: shape(lambda old: old[::-1])}, BAD_MODEL, gone, "[256, 128]", "[128, 256]"),
                "of_rank_9": ({TEXT: shape(lambda old: [1] * 7 + old)}, BAD_MODEL, gone, "[1, 1, 1, 1, 1, 1, 1, 256, 128]"),
                "flat": ({TEXT: shape(lambda old: [old[0] * old[1]])}, BAD_MODEL, gone, "[32768]"),
                "a_linear_layer_for_a_convolution": (
                    {UNET: with_one(UNET, projection, lambda dtype, old, content: [dtype, old[:2], content])},
                    BAD_MODEL,
                    projection,
                    "[64, 64, 1, 1]",
                ),
                "left_over": ({TEXT: with_tensor(TEXT, "spare", "F16", [1], bytes(2))}, BAD_MODEL, "'spare'"),
                "a_scalar_left_over": ({TEXT: with_tensor(TEXT, "spare", "F64", [], bytes(8))}, BAD_MODEL, "'spare'"),
                "of_another_component": ({TEXT: (MODEL / VAE).read_bytes()}, BAD_MODEL, TEXT),
            }
        )

    def test_dtypes_that_hold_no_weights(self):
        def as_dtype(dtype, bits):
            def change(_, shape, content):
                return [dtype, shape, bytes(shape[0] * bits // 8)]

            return with_one(TEXT, r"final_layer_norm\.bias", change)

        bits = {"F4": 4, "F6_E2M3": 6, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "U16": 16, "U64": 64, "C64": 64}
        cases = {dtype: ({TEXT: as_dtype(dtype, count)}, BAD_MODEL, TEXT, dtype) for dtype, count in bits.items()}
        cases["lower_case"] = ({TEXT: as_dtype("f16", 16)}, BAD_MODEL, TEXT, "'f16'")
        self.refuse_models(cases)

    def test_names_cannot_harm(self):
        names = {
            "../../../etc/passwd": "'../../../etc/passwd'",
            "two\nlines": "'two?lines'",
            "\x1b[31mred\x07": "'?[31mred?'",
            "%n%s%d": "'%n%s%d'",
            "": "''",
            "x" * 1_000_000: "xxx",
        }
        self.refuse_models(
            {
                f"name {number}": ({TEXT: with_tensor(TEXT, name, "U8", [1], b"x")}, BAD_MODEL, TEXT, part)
                for number, (name, part) in enumerate(names.items())
            }
        )

    def test_a_million_tensors(self):
        many = ",".join(f'"t{number}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}' for number in range(1_000_000))
        self.refuse_models({"many": ({VAE: bytes_of(f"{{{many}}}".encode())}, BAD_MODEL, VAE, "is missing")})

    def test_numbers_that_make_no_picture(self):
        swapped = Tensors(UNET)
        for name, (dtype, shape, content) in swapped.tensors.items():
            swapped.tensors[name] = [dtype, shape, np.frombuffer(content, np.float16).byteswap().tobytes()]
        self.refuse_models(
            {
                "all_nan": ({UNET: filled(UNET, r"conv_in\.weight", np.nan)}, BAD_MODEL, UNET, "'conv_in.weight' holds NaN"),
                "infinite": ({VAE: filled(VAE, r"decoder\.conv_out\.bias", np.inf)}, BAD_MODEL, VAE, "holds infinite values"),
                "nan_in_the_text_encoder": ({TEXT: filled(TEXT, r"final_layer_norm\.bias", np.nan)}, BAD_MODEL, TEXT, "holds NaN"),
                "finite_but_too_large": (
                    {
                        UNET: with_one(
                            UNET,
                            r"conv_in\.weight",
                            lambda _, shape, content: ["F32", shape, np.full(shape, 3e38, np.float32).tobytes()],
                        )
                    },
                    NUMERIC,
                ),
                "big_endian": ({UNET: swapped.pack()}, BAD_MODEL, UNET, "holds NaN"),
            }
        )

    def test_legal_oddities_are_painted(self):
        tensors = Tensors(TEXT)
        backwards = tensors.pack(names=list(tensors.tensors)[::-1], metadata={"format": "pt", "": "", "é": "\n"})
        length = struct.unpack("<Q", backwards[:8])[0]
        odd = length_of(length + 5, backwards[8 : 8 + length] + b" " * 5 + backwards[8 + length :])
        ids = "text_model.embeddings.position_ids"
        self.paint_models(
            {
                "other_order_metadata_odd_offset": {TEXT: odd},
                "a_buffer_of_rank_0": {TEXT: with_tensor(TEXT, ids, "I64", [], bytes(8))},
                "a_buffer_without_elements": {TEXT: with_tensor(TEXT, ids, "I64", [0, 3], b"")},
                "a_buffer_of_a_strange_dtype": {TEXT: with_tensor(TEXT, ids, "U64", [1], bytes(8))},
                "mixed_dtypes": {TEXT: cast(TEXT, np.float64, "F64", "bias"), UNET: cast(UNET, np.float32, "F32", "to_q")},
                "denormal_numbers": {UNET: filled(UNET, r"conv_in\.bias", 6e-8)},
                "zeros": {UNET: filled(UNET, r"conv_out\.weight", 0)},
                "half_as_bfloat16": {UNET: as_bf16(UNET, r"conv_in\.bias")},
            }
        )

    def test_a_file_that_shrinks_while_it_is_painted_with(self):
        """Weights of the dtype that is computed with stay in the file."""
        wide = {path: cast(path, np.float32, "F32") for path in (TEXT, UNET, VAE)}
        folder = self.model("shrinks", wide)
        arguments = [argument for argument in PAINT if argument != "-q"]
        run = self.start("shrinks", [*arguments, "--steps", "500", "-m", "model"])
        self.wait_for(run, b"denoising")
        os.truncate(folder / UNET, 100)
        outcome = self.finish(run)
        self.assertEqual(outcome.code, BAD_MODEL, outcome.err)
        self.assertEqual(outcome.files, [])
        last = outcome.err.splitlines()[-1].decode()
        self.assertRegex(last, r"\Asd: error: .*diffusion_pytorch_model\.safetensors")


class Shards(InputTest):
    FIRST, SECOND = "unet/part-1.safetensors", "unet/part-2.safetensors"

    def shards(self, index=None, **files):
        """The files of a UNet in two shards; `index` maps names of tensors to names of shards."""
        tensors = Tensors(UNET)
        names = list(tensors.tensors)
        half = len(names) // 2
        weight_map = {name: self.FIRST[5:] for name in names[:half]} | {name: self.SECOND[5:] for name in names[half:]}
        return {
            UNET: None,
            self.FIRST: tensors.pack(names[:half]),
            self.SECOND: tensors.pack(names[half:]),
            INDEX: json.dumps({"weight_map": weight_map | (index or {})}).encode(),
        } | files

    def test_broken(self):
        tensors = Tensors(UNET)
        name = list(tensors.tensors)[0]
        second = list(tensors.tensors)[len(tensors.tensors) // 2 :]
        whole = self.shards()[self.SECOND]

        def to(place):
            return self.shards(index={name: place})

        self.refuse_models(
            {
                "missing": (self.shards() | {self.SECOND: None}, BAD_MODEL, INDEX, "part-2.safetensors"),
                "cut_short": (self.shards() | {self.SECOND: whole[:-1000]}, BAD_MODEL, self.SECOND, "cut short"),
                "empty": (self.shards() | {self.SECOND: b""}, BAD_MODEL, self.SECOND, "is empty"),
                "a_link_to_nothing": (self.shards() | {self.SECOND: link_to("../../blobs/1")}, BAD_MODEL, self.SECOND, "../../blobs/1"),
                "a_fifo": (self.shards() | {self.SECOND: os.mkfifo}, BAD_MODEL, self.SECOND, "not a regular file"),
                "password_file": (to("../../../../../../../../etc/passwd"), BAD_MODEL, INDEX, "leads out of the folder"),
                "absolute_path": (to("/etc/passwd"), BAD_MODEL, INDEX, "'/etc/passwd' leads out"),
                "line_break_in_a_name": (to("a\nb.safetensors"), BAD_MODEL, INDEX, "a?b.safetensors"),
                "name_of_a_megabyte": (to("x" * 1_000_000), BAD_MODEL, INDEX),
                "a_folder": (to("."), BAD_MODEL, "found a folder"),
                "in_two_shards": (
                    self.shards() | {self.SECOND: tensors.pack([name, *second])},
                    BAD_MODEL,
                    self.SECOND,
                    f"'{name}' is also in another file",
                ),
                "in_the_other_shard": (to("part-2.safetensors"), BAD_MODEL, INDEX, f"'{name}' should be in part-2.safetensors"),
                "in_no_shard": (self.shards(index={"spare": "part-1.safetensors"}), BAD_MODEL, INDEX, "'spare'"),
                "names_that_differ_by_case": (to("PART-1.safetensors"), BAD_MODEL, INDEX, "PART-1.safetensors is not in the folder"),
                "index_nested_deeply": ({UNET: None, INDEX: b'{"weight_map":' + b"[" * 1_000_000}, BAD_MODEL, INDEX, "nested too deeply"),
                "index_alone": ({UNET: None, INDEX: self.shards()[INDEX]}, BAD_MODEL, INDEX),
                "index_not_utf8": ({UNET: None, INDEX: b'{"weight_map":{"\xff":"a"}}'}, BAD_MODEL, INDEX, "not valid JSON"),
            }
        )

    def test_shards_may_be_links(self):
        files = self.shards()
        place = self.root / "elsewhere.safetensors"
        place.write_bytes(files[self.FIRST])
        self.paint_models({"links": files | {self.FIRST: link_to(place)}})


class HubCache(InputTest):
    def test_a_download_that_is_not_whole(self):
        folder = self.folder("cache")
        snapshot = folder / "hub/models--some--model/snapshots/01ab"
        self.model("whole", {TEXT: link_to("../../../../blobs/3a91")})
        snapshot.parent.mkdir(parents=True)
        (self.root / "whole/model").rename(snapshot)
        (snapshot.parents[1] / "refs").mkdir()
        (snapshot.parents[1] / "refs/main").write_text("01ab")
        run = self.run_sd("cache", [*PAINT, "-m", "some/model"], env={"HF_HUB_CACHE": str(folder / "hub")})
        self.assert_refused(run, BAD_MODEL, TEXT, "the link leads to ../../../../blobs/3a91")


class Configs(InputTest):
    def test_broken(self):
        deep = b'{"a":' * 100_000
        index = json.loads((MODEL / "model_index.json").read_text())

        def renamed(path, old, new):
            return config(path, **{old: None, new: json.loads((MODEL / path).read_text())[old]})

        cases = {
            "model_index_nested_deeply": ("model_index.json", deep, "nested too deeply"),
            "config_nested_deeply": (UNET_CONFIG, deep, "nested too deeply"),
            "model_index_of_another_pipeline": ("model_index.json", config("model_index.json", _class_name="FluxPipeline"), "FluxPipeline"),
            "component_missing": ("model_index.json", config("model_index.json", vae=[None, None]), "'vae'"),
            "component_twice": ("model_index.json", config("model_index.json", unet=index["vae"]), "'unet' is a AutoencoderKL"),
            "config_in_utf16": (UNET_CONFIG, (MODEL / UNET_CONFIG).read_text().encode("utf-16"), "not valid JSON"),
            "config_not_utf8": (UNET_CONFIG, b'{"act_fn":"\xff"}', "not valid JSON"),
            "config_cut_short": (UNET_CONFIG, (MODEL / UNET_CONFIG).read_bytes()[:-9], "breaks off"),
            "config_with_a_comment": (UNET_CONFIG, b"// mine\n" + (MODEL / UNET_CONFIG).read_bytes(), "not valid JSON"),
            "config_with_nan": (UNET_CONFIG, (MODEL / UNET_CONFIG).read_bytes().replace(b"1e-05", b"NaN"), "not valid JSON"),
            "config_a_list": (UNET_CONFIG, b"[]", "found array"),
            "config_of_zeros": (UNET_CONFIG, bytes(1000), "not valid JSON"),
            "config_a_link_to_nothing": (UNET_CONFIG, link_to("../../blobs/1"), "the link leads to ../../blobs/1"),
            "config_a_device": (UNET_CONFIG, link_to("/dev/zero"), "not a regular file"),
            "config_missing": (UNET_CONFIG, None, "the file is missing"),
            "key_renamed": (UNET_CONFIG, renamed(UNET_CONFIG, "cross_attention_dim", "text_width"), "unknown key 'text_width' = 128"),
            "key_of_a_megabyte": (UNET_CONFIG, config(UNET_CONFIG, **{"k" * 1_000_000: 1}), "unknown key"),
            "value_of_a_megabyte": (UNET_CONFIG, config(UNET_CONFIG, act_fn="x" * 1_000_000), "'act_fn'"),
            "no_heads": (UNET_CONFIG, config(UNET_CONFIG, attention_head_dim=0), "'attention_head_dim'"),
            "no_text_heads": (TEXT_CONFIG, config(TEXT_CONFIG, num_attention_heads=0), "'num_attention_heads'"),
            "absurd_width": (TEXT_CONFIG, config(TEXT_CONFIG, hidden_size=10**12), "'hidden_size'"),
            "absurd_vocabulary": (TEXT_CONFIG, config(TEXT_CONFIG, vocab_size=2**31), "'vocab_size'"),
            "vae_without_channels": ("vae/config.json", config("vae/config.json", block_out_channels=[]), "'block_out_channels'"),
            "vae_scaling_0": ("vae/config.json", config("vae/config.json", scaling_factor=0), "'scaling_factor'"),
            "no_training_steps": (SCHEDULER, config(SCHEDULER, num_train_timesteps=0), "'num_train_timesteps'"),
            "absurd_training_steps": (SCHEDULER, config(SCHEDULER, num_train_timesteps=10**12), "'num_train_timesteps'"),
            "negative_noise": (SCHEDULER, config(SCHEDULER, beta_start=-1), "beta"),
            "noise_above_1": (SCHEDULER, config(SCHEDULER, beta_end=1e6), "beta"),
            "unknown_schedule": (SCHEDULER, config(SCHEDULER, beta_schedule="cosine"), "'beta_schedule'"),
            "betas_too_few": (SCHEDULER, config(SCHEDULER, trained_betas=[0.1]), "trained_betas"),
            "scheduler_of_a_wrong_type": (SCHEDULER, config(SCHEDULER, steps_offset="one"), "'steps_offset'"),
            "scheduler_nested_deeply": (SCHEDULER, deep, "nested too deeply"),
        }
        self.refuse_models(
            {name: ({path: content}, BAD_MODEL, path, *parts) for name, (path, content, *parts) in cases.items()}
        )

    def test_that_do_not_fit_the_weights(self):
        cases = {
            "wider": (config(TEXT_CONFIG, intermediate_size=16384), "fc1.weight' should have the shape [16384, 128], it has [256, 128]"),
            "deeper": (config(TEXT_CONFIG, num_hidden_layers=48), "layers.3.layer_norm1.weight' is missing"),
            "flatter": (config(TEXT_CONFIG, num_hidden_layers=2), "16 tensors belong to no part of the network"),
        }
        self.refuse_models({name: ({TEXT_CONFIG: content}, BAD_MODEL, TEXT, part) for name, (content, part) in cases.items()})


class Tokenizers(InputTest):
    def test_broken(self):
        vocab = json.loads((MODEL / VOCAB).read_text())
        tokens = list(vocab)
        merges = (MODEL / MERGES).read_bytes()
        end = {"content": "<x>", "lstrip": False, "normalized": True, "rstrip": False, "single_word": False, "special": True}

        def vocab_with(**changes):
            return json.dumps({key: value for key, value in (vocab | changes).items() if value is not None}).encode()

        def added(identity):
            decoder = json.loads((MODEL / TOKENIZER).read_text())["added_tokens_decoder"]
            return config(TOKENIZER, added_tokens_decoder=decoder | {identity: end}, pad_token="<x>")

        cases = {
            "vocabulary_empty": (VOCAB, b"{}", ""),
            "vocabulary_a_list": (VOCAB, b"[]", "a list"),
            "vocabulary_nested_deeply": (VOCAB, b'{"a":' * 1_000_000, "an object"),
            "vocabulary_with_two_of_an_id": (VOCAB, vocab_with(**{tokens[5]: 6}), "6"),
            "vocabulary_with_an_id_too_large": (VOCAB, vocab_with(**{tokens[5]: 2**31 - 1}), ""),
            "vocabulary_with_an_id_beyond_the_encoder": (VOCAB, vocab_with(**{"spare</w>": 624}), "624"),
            "vocabulary_cut_short": (VOCAB, (MODEL / VOCAB).read_bytes()[:1000], "breaks off after 1000 bytes"),
            "token_of_a_megabyte": (VOCAB, vocab_with(**{"x" * 1_000_000: -1}), "a negative number"),
            "merge_of_one_token": (MERGES, merges + b"single\n", '"single"'),
            "merge_of_three_tokens": (MERGES, merges + b"a b c\n", '"a b c"'),
            "merge_of_unknown_tokens": (MERGES, merges + b"qqq zzz\n", '"qqq"'),
            "merge_that_makes_no_token": (MERGES, merges + b"q z\n", '"qz"'),
            "merge_of_a_megabyte": (MERGES, merges + b"x" * 1_000_000 + b"\n", "two tokens"),
            "merges_that_are_bytes": (MERGES, bytes(range(256)) * 100, ""),
            "added_token_beyond_the_encoder": (TOKENIZER, added("100000"), "100000"),
            "added_token_below_0": (TOKENIZER, added("-1"), '"-1"'),
            "added_token_beyond_64_bits": (TOKENIZER, added("99999999999999999999"), "99999999999999999999"),
            "added_token_without_a_number": (TOKENIZER, added("x"), '"x"'),
            "length_0": (TOKENIZER, config(TOKENIZER, model_max_length=0), "'model_max_length'"),
            "of_another_class": ("model_index.json", config("model_index.json", tokenizer=["transformers", "T5Tokenizer"]), "T5Tokenizer"),
            "a_sentencepiece_file": (VOCAB, b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02", "not valid JSON"),
            "vocabulary_missing": (VOCAB, None, "the file is missing"),
        }
        # What does not fit together is found in another file.
        blamed = {"vocabulary_empty": MERGES, "added_token_beyond_the_encoder": TEXT_CONFIG}
        self.refuse_models(
            {
                name: ({path: content}, BAD_MODEL, blamed.get(name, path), *parts)
                for name, (path, content, *parts) in cases.items()
            }
        )

    def test_a_hole_in_the_vocabulary(self):
        vocab = json.loads((MODEL / VOCAB).read_text())
        del vocab["%"]
        self.paint_models({"hole": {VOCAB: json.dumps(vocab).encode()}})


class Latents(InputTest):
    def test_broken(self):
        flags = [*PAINT, "--init-latents", "x.safetensors"]
        flags[0] = "img2img"
        flags = [flag for flag in flags if flag not in ("-W", "-H", "64")]

        def latents(shape, number=0.5):
            content = np.full(shape, number, np.float32).tobytes()
            return bytes_of({"latents": {"dtype": "F32", "shape": shape, "data_offsets": [0, len(content)]}}, content)

        cases = {
            "of_other_channels": (latents([16, 8, 8]), BAD_INPUT, "expected 4 channels", "found 16"),
            "of_no_pixel": (latents([4, 0, 8]), BAD_INPUT, "found [4, 0, 8]"),
            "too_large": (latents([4, 1, 4096]), USAGE, "found 32768"),
            "of_five_dimensions": (latents([1, 1, 4, 8, 8]), BAD_INPUT, "found [1, 1, 4, 8, 8]"),
            "infinite": (latents([4, 8, 8], np.inf), BAD_INPUT, "found inf"),
            "beyond_what_can_be_computed": (latents([4, 8, 8], 3e38), NUMERIC, ""),
            "cut_short": (latents([4, 8, 8])[:-1], BAD_INPUT, "cut short"),
        }

        def run(name, content):
            (self.folder(name) / "x.safetensors").write_bytes(content)
            return self.run_sd(name, flags)

        self.run_all(
            {name: lambda name=name, case=case: (run(name, case[0]), *case[1:]) for name, case in cases.items()},
            self.assert_refused,
        )


if __name__ == "__main__":
    unittest.main()
