package import Tensors

package enum CategoryMapper: Inferring, Runnable {
    package static let name: Name = "CategoryMapper"
    package static let domain: Name = "ai.onnx.ml"

    static func infer(_ call: InferenceCall) throws -> [Fact] { [Fact(try call.type(0).map { $0 == .string ? .int64 : .string }, try call.dims(0))] }

    package static func run(_ call: Call) throws -> [Value?] {
        let x = try call.tensor(0)
        let strings = Tensor.stringVector(try call.required("cats_strings", call.strings("cats_strings")))
        let ints = try Tensor.int64(call.required("cats_int64s", call.ints("cats_int64s")))
        guard x.elementType == .string else {
            return [.tensor(try LabelTable(keys: ints, values: strings, standard: call.standardLabel()).map(x, call))]
        }
        return [.tensor(try LabelTable(keys: strings, values: ints, standard: .int64([call.int("default_int64", -1)])).map(x, call))]
    }
}
