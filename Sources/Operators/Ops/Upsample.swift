package import Tensors

/// What Resize was called until opset 10.
package enum Upsample: Inferring, Runnable {
    package static let name: Name = "Upsample"

    static func infer(_ call: InferenceCall) throws -> [Fact] {
        let data = try call.tensor(0)
        let scales: [Float]? = if call.opset < 7 {
            try [1, 1, call.required("height_scale", call.float("height_scale")), call.required("width_scale", call.float("width_scale"))]
        } else {
            try call.opset < 9 ? call.required("scales", call.floats("scales")) : call.knownFloats(1)
        }
        return [Fact(data.elementType, try call.scaled(scales))]
    }

    package static func run(_ call: Call) throws -> [Value?] {
        let data = try call.tensor(0)
        let scales: [Float]
        if call.opset < 7 {
            scales = try [1, 1, call.required("height_scale", call.float("height_scale")), call.required("width_scale", call.float("width_scale"))]
        } else {
            scales = try call.opset < 9 ? call.required("scales", call.floats("scales")) : Resize.floats(call, 1)
        }
        let axes = try Resize.scaled(call, data, scales, named: "scales")
        let plan = ResizePlan(coordinates: "asymmetric", nearest: "simple", mode: try call.string("mode", "nearest"), axes: axes)
        return [.tensor(try plan.run(call, data))]
    }
}
