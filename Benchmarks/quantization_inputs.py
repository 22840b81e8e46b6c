#!/usr/bin/env python3
"""Inputs for models that come without samples: <folder>/<model>/calib.npz and eval.npz, samples stacked along the batch axis.

    quantization_inputs.py FOLDER

Images are crops of scikit-learn's two photographs (for the text detector with words on them), those to calibrate with from their left halves, those to evaluate with from their right ones.
Sounds are voices made of harmonics with moving formants and breath, as log mel spectra; the two parts have other pitches. All with fixed seeds."""
import os, sys
import numpy as np
from sklearn.datasets import load_sample_images


def crops(part, count, height, width, rng):
    """RGB, 0 to 255, [count, height, width, 3]: squares of all sizes, resized bilinearly."""
    made = []
    for index in range(count):
        photo = load_sample_images().images[index % 2].astype(np.float32)
        half = photo.shape[1] // 2
        photo = photo[:, :half] if part == "calib" else photo[:, half:]
        size = int(min(photo.shape[:2]) * rng.uniform(0.4, 1))
        top, left = rng.integers(0, photo.shape[0] - size + 1), rng.integers(0, photo.shape[1] - size + 1)
        made.append(resized(photo[top:top + size, left:left + size], height, width))
        if rng.random() < 0.5:
            made[-1] = made[-1][:, ::-1]
    return np.stack(made)


def written(images, rng):
    """The same with some lines of words on each."""
    from PIL import Image, ImageDraw, ImageFont
    words, made = load_sample_images().DESCR.split(), []
    for image in images:
        picture = Image.fromarray(image.clip(0, 255).astype(np.uint8))
        draw = ImageDraw.Draw(picture)
        for _ in range(4):
            start = rng.integers(0, len(words) - 3)
            draw.text(
                tuple(int(v) for v in rng.integers(0, (150, 290))), " ".join(words[start:start + 3]), fill=tuple(int(v) for v in rng.integers(0, 2, 3) * 255),
                font=ImageFont.load_default(int(rng.integers(14, 32))))
        made.append(np.asarray(picture, dtype=np.float32))
    return np.stack(made)


def resized(image, height, width):
    def weights(old, new):
        at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
        low = np.minimum(at.astype(int), max(0, old - 2))
        return low, np.minimum(low + 1, old - 1), (at - low).astype(np.float32)
    a, b, f = weights(image.shape[0], height)
    image = image[a] * (1 - f[:, None, None]) + image[b] * f[:, None, None]
    a, b, f = weights(image.shape[1], width)
    return image[:, a] * (1 - f[None, :, None]) + image[:, b] * f[None, :, None]


def voices(part, count, seconds, rng, rate=16000):
    time = np.arange(int(seconds * rate)) / rate
    made = []
    for _ in range(count):
        pitch = rng.uniform(90, 150) if part == "calib" else rng.uniform(150, 260)
        phase = 2 * np.pi * np.cumsum(pitch * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 5) * time))) / rate
        formants = [rng.uniform(*band) * (1 + 0.2 * np.sin(2 * np.pi * rng.uniform(0.5, 3) * time + rng.uniform(0, 6))) for band in ((300, 900), (900, 2300), (2300, 3500))]
        sound = np.zeros_like(time)
        for harmonic in range(1, int(4000 / pitch)):
            loud = sum(np.exp(-((harmonic * pitch - f) / 150) ** 2) for f in formants) + 0.02
            sound += loud * np.sin(harmonic * phase) / np.sqrt(harmonic)
        start, length = rng.uniform(0, 0.3) * seconds, rng.uniform(0.4, 0.7) * seconds
        sound *= np.exp(-((time - start - length / 2) / (length / 2)) ** 4)
        made.append(0.3 * sound / np.abs(sound).max() + rng.normal(0, rng.uniform(0.001, 0.02), len(time)))
    return np.stack(made)


def mel(sounds, bands, window, hop, rate=16000):
    """Energy by frame and band, [count, frames, bands]."""
    count = 1 + (sounds.shape[1] - window) // hop
    frames = np.stack([sounds[:, i * hop:i * hop + window] for i in range(count)], 1) * np.hanning(window)
    power = np.abs(np.fft.rfft(frames)) ** 2
    edges = 700 * (10 ** (np.linspace(0, 2595 * np.log10(1 + rate / 2 / 700), bands + 2) / 2595) - 1)
    bins = np.arange(power.shape[2]) * rate / window
    filters = np.stack([np.maximum(0, np.minimum((bins - a) / (b - a), (c - bins) / (c - b))) for a, b, c in zip(edges, edges[1:], edges[2:])])
    return power @ filters.T


def inputs(part, rng):
    def image(count, height, width):
        return crops(part, count, height, width, rng).transpose(0, 3, 1, 2)
    def standard(x):
        return (x / 255 - np.array([0.485, 0.456, 0.406])[:, None, None]) / np.array([0.229, 0.224, 0.225])[:, None, None]
    yield "squeezenet-fp16", {"data_0": (image(24, 224, 224)[:, ::-1] - np.array([104, 117, 123])[:, None, None]).astype(np.float16)}
    yield "yolox-nano", {"images": image(16, 416, 416)[:, ::-1].astype(np.float32)}
    yield "ppocrv3-text-det-ch", {"x": standard(written(crops(part, 12, 320, 320, rng), rng).transpose(0, 3, 1, 2)).astype(np.float32)}
    search = image(16, 256, 256)
    template = np.stack([resized(s[:, 64:192, 64:192].transpose(1, 2, 0), 128, 128).transpose(2, 0, 1) for s in search])
    yield "vittrack", {"template": standard(template).astype(np.float32), "search": standard(search).astype(np.float32)}
    sound = mel(voices(part, 48, 0.79, rng), 32, 400, 160)[:, :76]
    yield "speech-embedding-google", {"input_1": (np.log10(sound + 1e-6) + 2)[..., None].astype(np.float32)}
    sound = np.log(mel(voices(part, 48, 1.0, rng), 128, 1024, 374)[:, :41] + 1e-6)
    sound = (sound - sound.mean((1, 2), keepdims=True)) / sound.std((1, 2), keepdims=True)
    yield "speech-commands-squeezenet", {"input": np.repeat(sound.transpose(0, 2, 1)[:, None], 3, 1).astype(np.float32)}


def make(folder):
    for seed, part in enumerate(("calib", "eval")):
        for model, arrays in inputs(part, np.random.default_rng(seed)):
            os.makedirs(f"{folder}/{model}", exist_ok=True)
            np.savez(f"{folder}/{model}/{part}.npz", **arrays)


if __name__ == "__main__":
    make(sys.argv[1])
