"""microsoft_models.py FOLDER SEED: nodes of com.microsoft with inputs and what ONNX Runtime makes of them, as cases of a backend suite."""
import os, sys
import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto as T, helper as h, numpy_helper as nh

ort.set_default_logger_severity(4)
folder, seed = sys.argv[1], int(sys.argv[2])
rng = np.random.default_rng(seed)
count = refused = 0


def save(op, inputs, outputs=1, expected=None, domain="com.microsoft", **attributes):
    """Keeps the case if ONNX Runtime runs it. An input that is None is left out. `expected`: what its outputs should be instead."""
    global count, refused
    names = [f"x{i}" if value is not None else "" for i, value in enumerate(inputs)]
    given = [(name, value) for name, value in zip(names, inputs) if name]
    results = [f"y{i}" for i in range(outputs)] if isinstance(outputs, int) else outputs
    node = h.make_node(op, names, results, domain=domain, **attributes)
    graph = h.make_graph(
        [node], "g", [h.make_tensor_value_info(name, h.np_dtype_to_tensor_dtype(value.dtype), value.shape) for name, value in given],
        [h.make_tensor_value_info(name, T.UNDEFINED, None) for name in results if name])
    model = h.make_model(graph, opset_imports=[h.make_opsetid("com.microsoft", 1), h.make_opsetid("", 17)], ir_version=8)
    for output in model.graph.output:
        output.ClearField("type")
    try:
        values = ort.InferenceSession(model.SerializeToString()).run(None, dict(given))
    except Exception as error:
        refused += 1
        print(op, attributes, [v.shape for _, v in given], "is refused:", str(error)[:200])
        return
    values = expected or values
    name = f"{folder}/{count:03d}_{op}"
    count += 1
    os.makedirs(name + "/test_data_set_0")
    onnx.save(model, name + "/model.onnx")
    for kind, list_ in (("input", [v for _, v in given]), ("output", values)):
        for i, value in enumerate(list_):
            with open(f"{name}/test_data_set_0/{kind}_{i}.pb", "wb") as out:
                out.write(nh.from_array(value).SerializeToString())


def f(*shape, low=-1.0, high=1.0):
    return rng.uniform(low, high, shape).astype(np.float32)


def codes(dtype, *shape):
    info = np.iinfo(dtype)
    return rng.integers(info.min, info.max + 1, shape).astype(dtype)


def i32(low, high, *shape):
    return rng.integers(low, high, shape).astype(np.int32)


def masks(batch, queries, past):
    keys = past + queries
    ends = i32(1, keys + 1, batch)
    starts = np.minimum(i32(0, 2, batch), ends - 1).astype(np.int32)
    return [None, ends, np.concatenate([ends, starts]), i32(0, 2, batch, keys), i32(0, 2, batch, queries, keys), None]


def attention():
    for batch, queries, past, heads, size in [(1, 4, 0, 2, 4), (2, 3, 0, 3, 5), (2, 3, 4, 2, 8), (3, 1, 5, 1, 2)]:
        width, keys = heads * size, past + queries
        for index, mask in enumerate(masks(batch, queries, past)):
            for causal in (0, 1):
                x, w, b = f(batch, queries, 7), f(7, 3 * width), f(3 * width)
                before = f(2, batch, heads, past, size) if past else None
                added = f(batch if causal else 1, heads, queries, keys) if index % 2 else None
                extra = [{}, {"scale": 0.3}, {"mask_filter_value": -5.0}][index % 3]
                save("Attention", [x, w, b, mask, before, added], 2, num_heads=heads, unidirectional=causal, **extra)


def multi_head_attention():
    for batch, queries, keys, heads, size, value_size in [(1, 3, 3, 2, 4, 4), (2, 3, 5, 2, 4, 6), (2, 1, 4, 3, 2, 2)]:
        width, value_width = heads * size, heads * value_size
        for index in range(8):
            q, k, v = f(batch, queries, width), f(batch, keys, width), f(batch, keys, value_width)
            bias = f(2 * width + value_width) if index & 1 else None
            mask = [None, i32(1, keys + 1, batch), i32(0, 2, batch, keys), None][index % 4]
            added = f(1 if index < 5 else batch, heads, queries, keys) if index in (3, 5, 7) else None
            save("MultiHeadAttention", [q, k, v, bias, mask, added], 1, num_heads=heads, scale=0.2 * (index % 3), unidirectional=int(index == 7 and queries == keys))
        k4, v4 = f(batch, heads, keys, size), f(batch, heads, keys, value_size)
        save("MultiHeadAttention", [f(batch, queries, width), k4, v4], 1, num_heads=heads)
    for past in (1, 4):
        before = [f(2, 2, past, 4), f(2, 2, past, 4)]
        save("MultiHeadAttention", [f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), None, None, None] + before, 3, num_heads=2)
        save("MultiHeadAttention", [f(2, 3, 8), f(2, 3, 8), f(2, 3, 8), f(24), None, None] + before, 3, num_heads=2, unidirectional=1)


def embeddings():
    for batch, length, size in [(1, 4, 8), (2, 3, 5)]:
        ids, segments, words, places, kinds = i32(0, 9, batch, length), i32(0, 2, batch, length), f(9, size), f(6, size), f(2, size)
        gamma, beta, mask = f(size), f(size), (np.arange(length) < rng.integers(1, length + 1, (batch, 1))).astype(np.int32)
        save("EmbedLayerNormalization", [ids, segments, words, places, kinds, gamma, beta], 2, epsilon=1e-5)
        save("EmbedLayerNormalization", [ids, None, words, places, None, gamma, beta, mask], 3)
        save("EmbedLayerNormalization", [ids, segments, words, places, kinds, gamma, beta, mask, i32(0, 6, batch, length)], 3)
        save("EmbedLayerNormalization", [ids, None, words, places, None, gamma, beta, None, i32(0, 6, 1, length)], 2)


def quantized():
    for dtype in (np.uint8, np.int8):
        zero = lambda: codes(dtype, 1).reshape(())
        scale = lambda: f(1, low=0.01, high=0.2).reshape(())
        for axis, shapes in [(1, [(2, 3, 4), (2, 1, 4), (2, 5, 4)]), (-1, [(3, 2), (3, 7)]), (0, [(4,)])]:
            parts = []
            for shape in shapes:
                parts += [codes(dtype, *shape), scale(), zero()]
            save("QLinearConcat", [scale(), zero()] + parts, 1, axis=axis)
        same = [scale(), zero()]
        save("QLinearConcat", same + [codes(dtype, 2, 3)] + same + [codes(dtype, 2, 3)] + same, 1, axis=0)
        for extra in [{}, {"strides": [2, 2]}, {"pads": [1, 0, 1, 1]}, {"dilations": [2, 1]}, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, {"ceil_mode": 1, "strides": [2, 2]}]:
            save("NhwcMaxPool", [codes(dtype, 2, 7, 6, 5)], 1, kernel_shape=[2, 3], **extra)
            if "dilations" in extra:
                continue
            for last in (0, 1):
                # Over the edge, ONNX Runtime divides by the whole window here, as ONNX does not.
                for include in (0,) if "ceil_mode" in extra else (0, 1):
                    x = codes(dtype, *((2, 7, 6, 3) if last else (2, 3, 7, 6)))
                    save("QLinearAveragePool", [x, scale(), zero(), scale(), zero()], 1, kernel_shape=[2, 3], channels_last=last, count_include_pad=include, **extra)


def decoded(b, scales, zeros, groups, bits, n, blocks):
    """The matrix of MatMulNBits."""
    unpack = lambda a: np.stack([a >> shift & 2**bits - 1 for shift in range(0, 8, bits)], -1).reshape(n, -1).astype(np.float32)
    zeros = np.full((n, blocks), 2.0 ** (bits - 1), np.float32) if zeros is None else unpack(zeros.reshape(n, -1))
    return (unpack(b)[:, : len(groups)] - zeros[:, groups]) * scales.reshape(n, blocks)[:, groups]


def matrices():
    for ta, tb, ba, bb in np.ndindex(2, 2, 2, 2):
        for batch in [(2,), (2, 3)]:
            def operand(rows, columns, transposed, batched):
                inner = (columns, rows) if transposed else (rows, columns)
                shape = batch + inner
                # The first axis comes behind the others of the batch.
                return shape if not batched else (shape[-2],) + batch + shape[-1:]
            save(
                "FusedMatMul", [f(*operand(4, 5, ta, ba)), f(*operand(5, 3, tb, bb))], 1, transA=int(ta), transB=int(tb), transBatchA=int(ba),
                transBatchB=int(bb), alpha=0.5)
    for bits in (2, 4, 8):
        for n, k, block in [(5, 32, 32), (7, 50, 16), (3, 100, 32), (16, 128, 64)]:
            blocks = -(-k // block)
            b, scales = codes(np.uint8, n, blocks, block * bits // 8), f(n * blocks, low=0.01, high=0.1)
            packed = codes(np.uint8, n * (-(-blocks * bits // 8)))
            order = rng.integers(0, blocks, blocks * block).astype(np.int32)
            floats = f(n * blocks, low=0, high=2**bits - 1)
            for zero, groups, bias in [(None, None, None), (packed, None, f(n)), (None, order, None), (packed, order, None), (floats, None, None), (None, order[:k], f(n))]:
                x, expected = f(2, 3, k), None
                if groups is not None and (bits == 2 or zero is not None):
                    # With g_idx, ONNX Runtime 1.31 forgets the zero points and takes 2 bits for 4.
                    expected = [x @ decoded(b, scales, zero, groups[:k], bits, n, blocks).T + (0 if bias is None else bias)]
                save("MatMulNBits", [x, b, scales, zero, groups, bias], 1, expected, N=n, K=k, bits=bits, block_size=block)


def lookups():
    indices = [np.array([[3, 0, -1], [2, 2, -7]], np.int64), np.array([1], np.int32), np.zeros((0,), np.int64)]
    for bits in (2, 4, 8):
        for columns, block in [(32, 32), (48, 16), (104, 32), (24, 128)]:
            blocks, per = -(-columns // block), 8 // bits
            data, scales = codes(np.uint8, 7, columns // per), f(7, blocks, low=-0.1, high=0.1)
            for zero in (None, codes(np.uint8, 7, -(-blocks // per))):
                for index in indices:
                    save("GatherBlockQuantized", [data, index, scales, zero], bits=bits, block_size=block, gather_axis=0, quantize_axis=1)
            three = codes(np.uint8, 5, 3, columns // per)
            save("GatherBlockQuantized", [three, np.array([4, 1], np.int64), f(5, 3, blocks).astype(np.float16)], bits=bits, block_size=block, quantize_axis=-1)


for family in (attention, multi_head_attention, embeddings, quantized, matrices, lookups):
    family()
print(count, "cases,", refused, "refused")
