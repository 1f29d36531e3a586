"""Writes a Whisper model as whisper.cpp's ggml file, its matrices as bfloat16.

The format, little-endian: the magic number, eleven i32 of dimensions, the mel filter bank, the vocabulary
as raw bytes, then each tensor: i32 rank, length of its name, type; the dimensions, innermost first; name;
values. Source: `models/convert-pt-to-ggml.py` and `whisper_model_load` of whisper.cpp.
"""

import array
import itertools
import math
import struct

from ctranslate2 import FormatError

MAGIC = 0x67676D6C
# `ggml_type` for a tensor and `ggml_ftype` for the file: see ggml.h.
TYPE_F32, TYPE_F16, TYPE_BF16 = 0, 1, 30
FILE_TYPE_BF16 = 24

SAMPLE_RATE_HZ = 16_000
FFT_SAMPLES = 400


def write(out, tensors, vocabulary):
    """Writes the model `tensors` (by CTranslate2's names) with the lines of its `vocabulary` to the file `out`."""
    _Writer(out, tensors).model(vocabulary)


def mel_filters(count):
    """Slaney's mel filter bank as rows of weights over the FFT's bins (Auditory Toolbox, 1998; as librosa's)."""
    # Linear up to 1000 Hz (mel 15), then 27 steps for each factor of 6.4.
    hz_per_mel, knee_mel, log_step = 200 / 3, 15.0, math.log(6.4) / 27

    def to_hz(mel):
        return mel * hz_per_mel if mel < knee_mel else 1000 * math.exp(log_step * (mel - knee_mel))

    top_mel = knee_mel + math.log(SAMPLE_RATE_HZ / 2 / 1000) / log_step
    edges = [to_hz(top_mel * step / (count + 1)) for step in range(count + 2)]
    bins = [index * SAMPLE_RATE_HZ / FFT_SAMPLES for index in range(FFT_SAMPLES // 2 + 1)]
    for low, centre, high in zip(edges, edges[1:], edges[2:]):
        area = 2 / (high - low)
        yield [max(0.0, min((hz - low) / (centre - low), (high - hz) / (high - centre))) * area for hz in bins]


def token_bytes():
    """Which byte each character of GPT-2's printable alphabet stands for (`bytes_to_unicode` of its encoder)."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + i): byte for i, byte in enumerate(hidden)}


def bfloat16_table():
    """The bfloat16 nearest to each of the 65,536 values of float16, ties to even."""
    table = []
    for half in range(0x10000):
        (single,) = struct.unpack("<I", struct.pack("<f", *struct.unpack("<e", struct.pack("<H", half))))
        table.append((single + 0x7FFF + (single >> 16 & 1)) >> 16 & 0xFFFF)
    return table


class _Writer:
    def __init__(self, out, tensors):
        self.out = out
        self.tensors = tensors
        self.to_bfloat16 = bfloat16_table().__getitem__
        self.token_count, self.width = tensors["decoder/embeddings/weight"].shape

    def integers(self, *values):
        self.out.write(struct.pack(f"<{len(values)}i", *values))

    def model(self, vocabulary):
        tensors = self.tensors
        mel_count = tensors["encoder/conv1/weight"].shape[1]
        audio_positions = tensors["encoder/position_encodings/encodings"].shape[0]
        text_positions = tensors["decoder/position_encodings/encodings"].shape[0]
        audio_heads, text_heads = (tensors[f"{side}/num_heads"].integer() for side in ("encoder", "decoder"))
        audio_layers, text_layers = self.layers("encoder"), self.layers("decoder")
        self.integers(MAGIC, self.token_count, audio_positions, self.width, audio_heads, audio_layers)
        self.integers(text_positions, self.width, text_heads, text_layers, mel_count, FILE_TYPE_BF16)
        self.filters(mel_count)
        self.vocabulary(vocabulary)

        self.tensor("encoder.positional_embedding", tensors["encoder/position_encodings/encodings"])
        for name in ("conv1", "conv2"):
            self.tensor(f"encoder.{name}.weight", tensors[f"encoder/{name}/weight"])
            bias = tensors[f"encoder/{name}/bias"]
            bias.shape = (self.width, 1)
            self.tensor(f"encoder.{name}.bias", bias)
        for layer in range(audio_layers):
            self.layer(f"encoder/layer_{layer}", f"encoder.blocks.{layer}", looks_at_sound=False)
        self.norm("encoder/layer_norm", "encoder.ln_post")
        self.tensor("decoder.positional_embedding", tensors["decoder/position_encodings/encodings"])
        self.tensor("decoder.token_embedding.weight", tensors["decoder/embeddings/weight"])
        for layer in range(text_layers):
            self.layer(f"decoder/layer_{layer}", f"decoder.blocks.{layer}", looks_at_sound=True)
        self.norm("decoder/layer_norm", "decoder.ln")

    def layers(self, side):
        return sum(f"{side}/layer_{layer}/ffn/linear_0/weight" in self.tensors for layer in range(100))

    def filters(self, count):
        self.integers(count, FFT_SAMPLES // 2 + 1)
        for row in mel_filters(count):
            self.out.write(struct.pack(f"<{len(row)}f", *row))

    def vocabulary(self, lines):
        # whisper.cpp names the special tokens itself: only the words before "end of text" are written.
        words = list(itertools.takewhile(lambda line: line != "<|endoftext|>", lines))
        if len(words) == 50_256:
            # The English vocabulary as whisper.cpp's converter writes it includes that token.
            words.append("<|endoftext|>")
        byte_of = token_bytes()
        self.integers(len(words))
        for word in words:
            raw = bytes(byte_of[character] for character in word)
            self.integers(len(raw))
            self.out.write(raw)

    def tensor(self, name, tensor):
        rank = len(tensor.shape)
        if rank == 1 or name.endswith((".conv1.bias", ".conv2.bias", ".positional_embedding")):
            kind, data = TYPE_F32, array.array("f", tensor.floats()).tobytes()
        elif rank == 2:
            kind, data = TYPE_BF16, array.array("H", map(self.to_bfloat16, tensor.data.cast("H"))).tobytes()
        else:
            kind, data = TYPE_F16, tensor.data
        encoded = name.encode()
        self.integers(rank, len(encoded), kind, *reversed(tensor.shape))
        self.out.write(encoded)
        self.out.write(data)

    def linear(self, source, target):
        self.tensor(f"{target}.weight", self.tensors[f"{source}/weight"])
        self.tensor(f"{target}.bias", self.tensors[f"{source}/bias"])

    def norm(self, source, target):
        self.tensor(f"{target}.weight", self.tensors[f"{source}/gamma"])
        self.tensor(f"{target}.bias", self.tensors[f"{source}/beta"])

    def layer(self, source, target, looks_at_sound):
        self.attention(f"{source}/self_attention", f"{target}.attn", ["linear_0"] * 3, "linear_1")
        self.norm(f"{source}/self_attention/layer_norm", f"{target}.attn_ln")
        if looks_at_sound:
            self.attention(f"{source}/attention", f"{target}.cross_attn", ["linear_0", "linear_1", "linear_1"], "linear_2")
            self.norm(f"{source}/attention/layer_norm", f"{target}.cross_attn_ln")
        self.linear(f"{source}/ffn/linear_0", f"{target}.mlp.0")
        self.linear(f"{source}/ffn/linear_1", f"{target}.mlp.2")
        self.norm(f"{source}/ffn/layer_norm", f"{target}.mlp_ln")

    def attention(self, source, target, fused, output):
        """Takes query, key and value out of the matrices named in `fused`, in which they stand one below the other."""
        taken = {}
        for part, matrix in zip(("query", "key", "value"), fused):
            start = taken.get(matrix, 0)
            taken[matrix] = end = start + self.width
            bias = self.tensors[f"{source}/{matrix}/bias"].rows(start, end)
            self.tensor(f"{target}.{part}.weight", self.tensors[f"{source}/{matrix}/weight"].rows(start, end))
            if part != "key":
                self.tensor(f"{target}.{part}.bias", bias)
            elif any(bias.floats()):
                raise FormatError(f"{source}: Whisper's keys have no bias, but this model has one")
        self.linear(f"{source}/{output}", f"{target}.out")
