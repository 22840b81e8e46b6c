/// Cases of the backend suite that do not pass, each with the reason. One that is listed and passes fails the test.
let backendExceptions: [String: String] = {
    var list: [String: String] = [:]
    for name in ["bernoulli", "bernoulli_double", "bernoulli_seed"] {
        for ending in ["", "_expanded"] { list["node/test_\(name)\(ending)"] = "the expected outputs are those of NumPy's random numbers" }
    }
    for name in ["bmp_rgb", "jpeg2k_rgb", "jpeg_bgr", "jpeg_grayscale", "jpeg_rgb", "png_rgb", "pnm_rgb", "tiff_rgb", "webp_rgb"] {
        list["node/test_image_decoder_decode_\(name)"] = "ImageDecoder is not supported: image files are for the app around the model"
    }
    for name in ["dft_inverse", "dft_inverse_opset19"] {
        list["node/test_\(name)"] = "zeros are expected to be off by NumPy's rounding, 1.9e-7, which the tolerance of 1e-7 does not forgive"
    }
    for name in ["gradient_of_add", "gradient_of_add_and_mul"] {
        list["simple/test_\(name)"] = "Gradient, of ai.onnx.preview.training, is not supported: models are run, not trained"
    }
    return list
}()
