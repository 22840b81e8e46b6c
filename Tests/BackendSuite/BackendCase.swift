internal import Execution
internal import Foundation
public import ModelGraph
internal import OnnxFile
public import Tensors
internal import TestSupport

/// One case of the ONNX backend test suite: a model, inputs and the outputs that it must give.
public struct BackendCase: Sendable {
    /// `node/test_abs`
    public let name: String
    let model: String
    /// Folders `test_data_set_*`.
    let dataSets: [String]
    var tolerance = Tolerance(relative: 1e-3, absolute: 1e-7)
    /// Inputs are those that have no initializer, rather than the first ones.
    var skipsInitializers = false
    /// The one output of a light model, whose input is 0, 1/n, 2/n … of n elements; it has no data sets.
    var lightOutput: String?

    public static let all: [BackendCase] = ["node", "simple", "pytorch-operator", "pytorch-converted"].flatMap(folder)

    /// The node cases of the newest ONNX, many of them the same as in `all`.
    public static let newest: [BackendCase] = cases(in: Places.nodeCases + "/node", kind: "node")

    /// The models of the corpus with the outputs of ONNX Runtime.
    public static let references: [BackendCase] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: Places.corpus + "/refdata")) ?? []
        return names.sorted().map { name in
            BackendCase(
                name: "refdata/\(name)", model: "\(Places.corpus)/models/\(name).onnx", dataSets: ["\(Places.corpus)/refdata/\(name)/test_data_set_0"],
                tolerance: Tolerance(relative: 1e-4, absolute: 1e-7, ofLargest: looser[name] ?? 1e-4), skipsInitializers: true)
        }
    }()

    /// Models on which ONNX Runtime rounds at other places than the specification says: how far the largest element may be off.
    private static let looser = [
        // Between nodes it keeps binary32 where the graph says FLOAT16, which has 11 bits.
        "squeezenet-fp16": 0.005,
        // It sums 640,000 elements in binary32: its first normalization is 3e-3 off the exact one, and amplified from there.
        "fns-candy-style": 0.002,
        // Its steps are coarse (0.06 to 0.4): where one sum of floats of another order lands on the other side of one, the layers behind
        // it make more of that. One code of the 401,408 that the second block makes is another.
        "qdq-uint16-opset21": 0.05,
    ]

    /// The same with outputs that may be off by that part of the largest element.
    public func loosened(to part: Double) -> BackendCase {
        var copy = self
        copy.tolerance.ofLargest = part
        return copy
    }

    /// Nine well-known topologies whose weights are constants.
    public static let light: [BackendCase] = {
        let root = Places.backendTests + "/light"
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []).filter { $0.hasSuffix(".onnx") }.map { String($0.dropLast(5)) }
        return names.sorted().map { name in
            // As its data.json says.
            let relative = name == "light_densenet121" ? 2e-3 : 1e-3
            return BackendCase(
                name: "light/\(name)", model: "\(root)/\(name).onnx", dataSets: [root], tolerance: Tolerance(relative: relative, absolute: 1e-7),
                skipsInitializers: true, lightOutput: "\(root)/\(name)_output_0.pb")
        }
    }()

    private static func folder(_ kind: String) -> [BackendCase] { cases(in: Places.backendTests + "/" + kind, kind: kind) }

    /// The cases in the folders of `root`; their names begin with `kind`. Numbers may be `absolute` apart, besides 1e-3 of their size.
    public static func cases(in root: String, kind: String, absolute: Double = 1e-7) -> [BackendCase] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.sorted().filter { Places.exists("\(root)/\($0)/model.onnx") }.map { name in
            let sets = ((try? FileManager.default.contentsOfDirectory(atPath: "\(root)/\(name)")) ?? []).filter { $0.hasPrefix("test_data_set_") }
            return BackendCase(
                name: "\(kind)/\(name)", model: "\(root)/\(name)/model.onnx", dataSets: sets.sorted().map { "\(root)/\(name)/\($0)" },
                tolerance: Tolerance(relative: 1e-3, absolute: absolute))
        }
    }

    /// Files `input_0.pb`, `input_1.pb`, … of a folder.
    static func files(_ folder: String, _ kind: String) -> [String] {
        var files: [String] = []
        while Places.exists("\(folder)/\(kind)_\(files.count).pb") { files.append("\(folder)/\(kind)_\(files.count).pb") }
        return files
    }

    private func inputs(_ set: String, _ infos: [ValueInfo]) throws -> [Name: Value] {
        let values = try zip(Self.files(set, "input"), infos).map { ($1.name ?? "", try OnnxFile.readValue($0, as: $1.type)) }
        return Dictionary(values) { $1 }
    }

    private static func ramps(_ infos: [ValueInfo]) throws -> [Name: Value] {
        Dictionary(try infos.map { info in
            guard case .tensor(.float?, let shape?)? = info.type?.kind, let dims = shape.fixed, let count = elementCount(of: dims) else {
                throw Failure("an input of type \(info.type?.description ?? "?")")
            }
            let values = try NewElements((0..<count).map { Float($0) / Float(count) })
            return (info.name ?? "", .tensor(values.tensor(.float, dims)))
        }) { $1 }
    }

    private static func outputs(_ set: String, _ infos: [ValueInfo]) throws -> [ExpectedOutput] {
        var outputs: [ExpectedOutput] = []
        for (index, info) in infos.enumerated() {
            let binary = "\(set)/output_\(index).pb", json = "\(set)/output_\(index).json"
            if Places.exists(binary) {
                outputs.append(.value(try OnnxFile.readValue(binary, as: info.type)))
            } else if let data = FileManager.default.contents(atPath: json) {
                outputs.append(.json(data))
            } else {
                break
            }
        }
        return outputs
    }

    /// The model and the inputs of its first data set, those that have no initializer.
    public func modelAndInputs() throws -> (model: Model, inputs: [Name: Value]) {
        let model = try OnnxFile.read(model).model
        guard let set = dataSets.first else { throw Failure("no data set") }
        let standards = Set(model.graph.initializers.compactMap(\.name))
        let infos = skipsInitializers ? model.graph.inputs.filter { !standards.contains($0.name ?? "") } : model.graph.inputs
        return (model, try lightOutput == nil ? inputs(set, infos) : Self.ramps(infos))
    }

    /// What is wrong, nil if nothing is. `load` opens the model: as it is or on a detour. `byNode`: without compiled programs.
    public func problem(byNode: Bool = false, load: (String) throws -> Model) -> String? {
        do {
            let model = try load(model)
            var options = Session.Options(threads: 1, maximumTensorBytes: 1 << 31)
            options.execution = byNode ? .nodes : .programs
            let session = try Session(model, options: options)
            for set in dataSets {
                let infos = skipsInitializers ? session.inputs : model.graph.inputs
                let outputs = try session.run(lightOutput == nil ? inputs(set, infos) : Self.ramps(infos))
                let expected = try lightOutput.map { [.value(try OnnxFile.readValue($0))] } ?? Self.outputs(set, model.graph.outputs)
                guard outputs.count >= expected.count, !expected.isEmpty else { return "\(outputs.count) outputs, expected \(expected.count)" }
                for (index, (found, wanted)) in zip(outputs, expected).enumerated() {
                    if let problem = try wanted.difference(from: found, tolerance) { return "output \(index): \(problem)" }
                }
            }
            return nil
        } catch {
            return "\(error)"
        }
    }
}

extension BackendCase {
    /// Runs `cases` on two threads: what is wrong with each, in order.
    public static func problems(_ cases: [BackendCase], byNode: Bool = false, load: @escaping @Sendable (String) throws -> Model) throws -> [String?] {
        let results = Results(cases.count)
        try concurrently(cases.count, threads: 2) { index in results.set(index, cases[index].problem(byNode: byNode, load: load)) }
        return results.all
    }
}

private final class Results: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [String?]

    init(_ count: Int) { values = Array(repeating: nil, count: count) }

    func set(_ index: Int, _ value: String?) { lock.withLock { values[index] = value } }
    var all: [String?] { lock.withLock { values } }
}
